import { describe, expect, test } from 'vitest';
import { must } from '../../../ledger/core/assert.ts';
import type { CopyRead } from '../history/copy-reads.ts';
import type { Fact, FactRecord } from '../history/record.ts';
import { judgeRun } from './all.ts';
import { gatherEvidence } from './evidence.ts';
import { goodRun } from './test/good-run.ts';
import type { Verdict } from './verdict.ts';

/** The good run, with changed copies and facts of the harness. */
function judged(
  change: (copies: readonly CopyRead[]) => readonly CopyRead[],
  facts: readonly FactRecord[] = [],
): ReadonlyMap<string, Verdict> {
  const { story } = goodRun();
  const finals = story.finals();
  const history = { ...story.history(), facts };
  return judgeRun(gatherEvidence(history, { ...finals, copies: change(finals.copies) }));
}

const states = (verdicts: ReadonlyMap<string, Verdict>, state: Verdict['state']) =>
  [...verdicts].filter(([, verdict]) => verdict.state === state).map(([name]) => name);

const promoted =
  (change: (copy: CopyRead) => Partial<CopyRead>) =>
  (copies: readonly CopyRead[]): CopyRead[] =>
    copies.map((copy) =>
      copy.book === 1 && copy.region === 'us-east'
        ? { ...copy, role: 'primary', ...change(copy) }
        : copy,
    );

const fact = (kind: Fact, text: string): FactRecord[] => [
  { kind: 'fact', index: 0, fact: kind, text, ns: 0 },
];

describe('two copies that report that they are the primary', () => {
  test('with the same journal: reported, and everything else is judged', () => {
    const verdicts = judged(promoted(() => ({})));
    expect(states(verdicts, 'fail')).toEqual(['I11']);
    expect(states(verdicts, 'unknown')).toEqual([]);
    expect(verdicts.get('I11')).toMatchObject({
      total: 1,
      witnesses: [{ text: expect.stringMatching(/book-1.*eu-west.*us-east/u) }],
    });
  });

  test('with one of them behind: the longer one is judged, and the other is reported as behind', () => {
    const shorter = promoted(({ rows }) => ({ rows: rows.slice(0, 8) }));
    // In either order of reading.
    for (const order of [shorter, (copies: readonly CopyRead[]) => shorter(copies).toReversed()]) {
      const verdicts = judged(order);
      expect(states(verdicts, 'fail')).toContain('I11');
      expect(states(verdicts, 'fail')).toContain('I23');
      expect(states(verdicts, 'fail')).not.toContain('I4');
      expect(states(verdicts, 'unknown')).not.toContain('I1');
    }
  });

  test('that diverge: both rows are shown, and neither copy is judged', () => {
    const verdicts = judged(
      promoted(({ rows }) => ({
        rows: rows.map((one, index) =>
          index === 9 ? { ...one, row: { ...one.row, reference: 'another' } } : one,
        ),
      })),
    );
    expect(states(verdicts, 'fail')).toEqual(['I11']);
    expect(states(verdicts, 'pass')).not.toContain('I4');
    const found = verdicts.get('I11');
    expect(found?.state === 'fail' && found.witnesses[0]?.rows.map(({ row }) => row.seq)).toEqual([
      10, 10,
    ]);
  });
});

describe('malformed evidence', () => {
  test('a journal that cannot be followed is a dispute, and the others are judged', () => {
    const verdicts = judged((copies) =>
      copies.map((copy) =>
        copy.book === 1
          ? {
              ...copy,
              rows: copy.rows.map((one) => ({
                ...one,
                row: { ...one.row, debitAccount: null, creditAccount: null },
              })),
            }
          : copy,
      ),
    );
    expect(states(verdicts, 'fail')).toEqual(['I11']);
    expect(verdicts.get('I11')).toMatchObject({
      witnesses: [{ text: expect.stringContaining('book-1 has a malformed journal') }],
    });
    expect(verdicts.get('I4')?.state).toBe('unknown');
  });

  test('a malformed answer costs only the verdicts of the checkers that read it', () => {
    const { story } = goodRun();
    const [first] = story.operations.balances;
    Object.assign(must(first, 'there is a read'), { reply: [{ position: null }] });
    const verdicts = judgeRun(gatherEvidence(story.history(), story.finals()));
    expect(verdicts.size).toBe(19);
    const unknown = [...verdicts.values()].filter(({ state }) => state === 'unknown');
    expect(unknown.length).toBeGreaterThan(0);
    for (const one of unknown) {
      expect(one).toMatchObject({ why: [expect.stringMatching(/^the checker failed: /u)] });
    }
    expect(verdicts.get('I18')?.state).toBe('pass');
  });
});

describe('facts of the harness', () => {
  test('an installation without recovery, or a book without a leader, is not live', () => {
    const text = 'no server leads book-1 60 s after every ledger server was started again';
    const verdicts = judged((copies) => copies, fact('unwell', text));
    expect(states(verdicts, 'fail')).toEqual(['I23']);
    expect(states(verdicts, 'unknown')).toEqual([]);
    expect(verdicts.get('I23')).toMatchObject({ witnesses: [{ text }] });
  });

  test('missing evidence lets no checker pass that needs it', () => {
    const verdicts = judged((copies) => copies, fact('missing', '2 outcomes could not be learnt'));
    expect(states(verdicts, 'fail')).toEqual([]);
    expect(verdicts.get('I4')).toEqual({
      state: 'unknown',
      why: ['2 outcomes could not be learnt'],
    });
  });

  test('a stop of the run changes no verdict', () => {
    const verdicts = judged((copies) => copies, fact('stopped', 'the run was stopped'));
    expect(states(verdicts, 'pass')).toHaveLength(19);
  });
});
