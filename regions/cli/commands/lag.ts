import type { Command } from 'commander';

import type { BookStatus } from '../../operator/status.ts';
import { type OperatorOptions, operatorCommand, withOperator } from './operator-options.ts';
import { count, milliseconds, print, printJson } from '../../terminal/print.ts';
import { lagTexts } from './replicated-status.ts';
import { table } from '../../terminal/table.ts';

/** `meridian lag` */
export function lagCommand(): Command {
  return operatorCommand('lag', 'show how far copies and settlements are behind', [
    'lag',
    'lag --json',
  ]).action((options: OperatorOptions) =>
    withOperator(options, async (operator) => {
      const { at, books } = await operator.status();
      if (options.json) return printJson({ at, ...lagsOf(books) });
      await print(copyTable(books));
      await print(`\n${settlementTable(books)}`);
    }),
  );
}

function lagsOf(books: readonly BookStatus[]) {
  const copies = books.flatMap(({ name: book, members }) =>
    members.map(({ region, role, state, lagBytes, lagMs }) => ({
      book,
      region,
      role,
      state,
      lagBytes: lagBytes ?? null,
      lagMs: lagMs ?? null,
    })),
  );
  return { copies, settlements: pairsOf(books) };
}

/** Every pair of books, including those with nothing in transit. */
function pairsOf(books: readonly BookStatus[]) {
  return books.flatMap(({ name: from, outgoing }) =>
    books
      .filter(({ name }) => name !== from)
      .map(({ name: to, book }) => {
        const own = outgoing.filter(({ toBook }) => toBook === book);
        const transfers = own.reduce((sum, each) => sum + each.transfers, 0);
        const lagMs = Math.max(0, ...own.map(({ oldestAgeMs }) => oldestAgeMs));
        return { from, to, transfers, lagMs };
      }),
  );
}

function copyTable(books: readonly BookStatus[]): string {
  const right = { align: 'right' } as const;
  const columns = [
    { title: 'book' },
    { title: 'copy in' },
    { title: 'role' },
    { title: 'state' },
    { title: 'bytes behind', ...right },
    { title: 'time behind', ...right },
  ];
  const rows = books.flatMap(({ name, members }) =>
    members.map((member) => [name, member.region, member.role, member.state, ...lagTexts(member)]),
  );
  return table(columns, rows);
}

function settlementTable(books: readonly BookStatus[]): string {
  const right = { align: 'right' } as const;
  const columns = [
    { title: 'settlement from' },
    { title: 'to' },
    { title: 'in transit', ...right },
    { title: 'oldest', ...right },
  ];
  const rows = pairsOf(books).map(({ from, to, transfers, lagMs }) => [
    from,
    to,
    count(transfers),
    transfers === 0 ? '' : milliseconds(lagMs),
  ]);
  return table(columns, rows);
}
