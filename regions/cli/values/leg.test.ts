import { InvalidArgumentError } from 'commander';
import { expect, test } from 'vitest';

import { Leg, UpTo } from '../../../proto/gen/meridian/v1/movement.ts';
import { CommandFailure } from '../../terminal/failure.ts';
import { accountsOfLeg, legOf, parseLeg, readLegs } from './leg.ts';

test('legs on the command line are gathered in order', () => {
  const first = parseLeg('alice:bob:1250');
  expect(parseLeg('bob:281474976710657:5:7', first)).toEqual([
    { from: 'alice', to: 'bob', amount: 1250n },
    { from: 'bob', to: '281474976710657', amount: 5n, code: 7 },
  ]);
});

test.each(['', 'alice:bob', 'alice:bob:1.5', 'a:b:1:x', 'a:b:1:2:3', ':b:1', 'a:b:1:-1'])(
  '"%s" is not a leg',
  (text) => {
    expect(() => parseLeg(text)).toThrow(InvalidArgumentError);
  },
);

const read = (legs: unknown) => readLegs(JSON.stringify(legs), 'legs.json');
const ids = new Map([
  ['alice', 1n],
  ['bob', 2n],
  ['42', 42n],
]);
const idOf = (name: string) => ids.get(name) ?? 0n;

test('a leg of a file may do all that a transfer can', () => {
  const [full, hold, capture, release, reversal] = read([
    {
      from: 'alice',
      to: 42,
      amount: '1250',
      asset: 'EUR/2',
      code: 7,
      reference: 'r',
      metadata: { rate: '1.0832' },
      upTo: 'both',
      ifAtLeast: { bob: '5' },
      ifAtMost: { bob: 6 },
      ifVersion: { alice: 7 },
    },
    { from: 'alice', to: 'bob', amount: 5, hold: { timeoutSeconds: 60 } },
    { from: 'alice', capture: { holdId: 'h', final: true } },
    { from: 'alice', release: { holdId: 'h' } },
    { from: 'bob', to: 'alice', amount: 1, reversal: { transferId: 't' } },
  ]).map((leg) => legOf(leg, idOf));
  expect(full).toEqual(
    Leg.create({
      debitAccountId: 1n,
      creditAccountId: 42n,
      amount: 1250n,
      asset: 'EUR/2',
      code: 7,
      reference: 'r',
      metadata: { rate: '1.0832' },
      upTo: UpTo.BOTH,
      conditions: {
        allOf: [
          { accountId: 2n, test: { $case: 'balanceAtLeast', value: 5n } },
          { accountId: 2n, test: { $case: 'balanceAtMost', value: 6n } },
          { accountId: 1n, test: { $case: 'version', value: 7n } },
        ],
      },
    }),
  );
  expect(hold?.action).toEqual({ $case: 'hold', value: { timeoutSeconds: 60 } });
  expect(capture?.action).toEqual({ $case: 'capture', value: { holdId: 'h', final: true } });
  expect(capture).toMatchObject({ creditAccountId: 0n, amount: 0n });
  expect(release?.action).toEqual({ $case: 'release', value: { holdId: 'h' } });
  expect(reversal?.action).toEqual({ $case: 'reversal', value: { transferId: 't' } });
});

test('every account of a leg is named', () => {
  const [leg] = read([{ from: 'alice', to: 'bob', amount: 1, ifAtLeast: { carol: 1 } }]);
  expect(leg && accountsOfLeg(leg)).toEqual(['alice', 'bob', 'carol']);
});

test.each([
  [{}, /legs\.json is wrong: .*array/u],
  [[], /must have a leg/u],
  [[{ to: 'bob', amount: 1 }], /0\.from/u],
  [[{ from: 'alice', to: 'bob', amount: 1.5 }], /0\.amount: must be a whole number/u],
  [[{ from: 'alice', to: 'bob', amount: 2 ** 53 }], /0\.amount: must be a whole number/u],
  [[{ from: 'alice', to: 'bob', amount: 1, cod: 7 }], /0: .*cod/u],
  [[{ from: 'a', hold: {}, release: { holdId: 'h' } }], /0: must have at most one of hold,/u],
  [[{ from: 'a', capture: { final: true } }], /0\.capture\.holdId/u],
])('%j is refused', (legs, message) => {
  expect(() => read(legs)).toThrow(CommandFailure);
  expect(() => read(legs)).toThrow(message);
});

test('an account of a leg may be named by id: or name:, which is not an account of its own', () => {
  expect(parseLeg('id:5:name:7:100')).toEqual([{ from: 'id:5', to: 'name:7', amount: 100n }]);
  expect(parseLeg('id:5:bob:100:3')).toEqual([{ from: 'id:5', to: 'bob', amount: 100n, code: 3 }]);
  expect(() => parseLeg('id:5:7')).toThrow(InvalidArgumentError);
});
