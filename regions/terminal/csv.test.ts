import { expect, test } from 'vitest';
import { csvLines } from './csv.ts';

test('a text that a spreadsheet would run gets a quote in front; a number does not', () => {
  expect(csvLines([['=1+1', '+a', '-b', '@c', '\td', -5n, '-5', '+1.50', 'e=f', '＝g']])).toBe(
    "'=1+1,'+a,'-b,'@c,'\td,-5,-5,+1.50,e=f,'＝g",
  );
});

test('only what needs quotes gets them', () => {
  const rows = [
    ['a,b', 'c"d', 'e\nf', 'g\rh', 'i j', '', 0],
    ['-1,5', '=x,y', 2n ** 70n, '', '', '', ''],
  ];
  expect(csvLines(rows)).toBe(
    '"a,b","c""d","e\nf","g\rh",i j,,0\n"\'-1,5","\'=x,y",1180591620717411303424,,,,',
  );
});
