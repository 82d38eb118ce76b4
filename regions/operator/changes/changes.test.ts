import { describe, expect, test } from 'vitest';

import { type Objection, textOf } from '../objection.ts';
import { bookWith, memberIn, nameIn, postgresOf, silentIn } from '../test/book-facts.ts';
import { changes } from './all.ts';
import { departures, outlineDrain, outlineUndrain } from './drain.ts';
import { outlineFailback } from './failback.ts';
import { outlineFailover } from './failover.ts';
import { outlineFence, outlineUnfence } from './fence.ts';
import { outlineSwitchover } from './switchover.ts';

const codes = (objections: readonly Objection[] = []) => objections.map(({ code }) => code);

const far = 20n * 1024n * 1024n;

/** The leader, whose standby in one region is so far. */
function leaderSeeing(region: 'us-east' | 'ap-south', flushed: bigint, streaming = true) {
  const leader = memberIn('eu-west');
  if ('silent' in leader.postgres) throw new Error('the leader answers');
  const standbys = leader.postgres.standbys.map((standby) =>
    standby.name === nameIn(region) ? { ...standby, flushed, streaming } : standby,
  );
  return memberIn('eu-west', { postgres: { ...leader.postgres, flushed: far, standbys } });
}

const home = memberIn('eu-west', { postgres: postgresOf() });

/** A leader in us-east, whose standby in eu-west is so far. */
function away(flushed: bigint, streaming: boolean) {
  const leader = memberIn('eu-west');
  if ('silent' in leader.postgres) throw new Error('the leader answers');
  const standbys = leader.postgres.standbys.map((standby) => ({
    ...standby,
    name: nameIn('eu-west'),
    flushed,
    streaming,
  }));
  return memberIn('us-east', { postgres: { ...leader.postgres, flushed: far, standbys } });
}

describe('a planned change', () => {
  test('is possible to a copy that streams', () => {
    const plan = outlineSwitchover(bookWith(), { to: 'us-east' });
    expect(plan).toMatchObject({ objections: [], warnings: [] });
    expect(plan.steps[1]).toBe('have Patroni stop eu-west-1 in eu-west and promote it in us-east');
  });

  test.each([
    ['where it is led already', bookWith(), 'eu-west', 'LED_THERE_ALREADY'],
    ['to a copy far behind', bookWith([leaderSeeing('us-east', 0n)]), 'us-east', 'COPY_BEHIND'],
    [
      'to a copy that does not stream',
      bookWith([leaderSeeing('us-east', far, false)]),
      'us-east',
      'COPY_NOT_STREAMING',
    ],
    ['without a leader', bookWith([silentIn('eu-west')]), 'us-east', 'NO_LEADER'],
    ['to a silent region', bookWith([silentIn('us-east')]), 'us-east', 'PATRONI_SILENT'],
    [
      'to a drained region',
      bookWith([], { drained: new Set(['us-east']) }),
      'us-east',
      'REGION_DRAINED',
    ],
  ] as const)('is refused %s', (_, facts, to, code) => {
    expect(codes(outlineSwitchover(facts, { to }).objections)).toContain(code);
  });

  test('warns when payments will wait for the old leader', () => {
    const facts = bookWith([leaderSeeing('ap-south', far, false)]);
    expect(outlineSwitchover(facts, { to: 'us-east' }).warnings).toHaveLength(1);
  });
});

describe('an unplanned change', () => {
  const gone = bookWith([silentIn('eu-west')], { coordination: { leader: undefined } });

  test('is refused while the leader answers', () => {
    const { objections } = outlineFailover(bookWith(), { to: 'us-east', acceptLoss: false });
    expect(codes(objections)).toEqual(['LEADER_ANSWERS']);
    expect(textOf(objections)).toContain('"meridian switchover eu-west-1 --to us-east"');
  });

  test('is possible to a copy as far as the other one', () => {
    expect(outlineFailover(gone, { to: 'us-east', acceptLoss: false })).toMatchObject({
      objections: [],
      impossible: [],
    });
  });

  test('failing over to the only surviving copy requires the acceptance of a loss', () => {
    const alone = {
      ...gone,
      members: [silentIn('eu-west'), memberIn('us-east'), silentIn('ap-south')],
    };
    const refused = outlineFailover(alone, { to: 'us-east', acceptLoss: false });
    expect(codes(refused.objections)).toEqual(['COPY_NOT_COMPARABLE']);
    expect(refused.accepted).toEqual([]);
    const accepted = outlineFailover(alone, { to: 'us-east', acceptLoss: true });
    expect(accepted.objections).toEqual([]);
    expect(accepted.accepted).toEqual(refused.objections);
    expect(accepted.warnings.join()).toContain('you accept that');
    // What to do next: the other books may have legs that the copy lacks.
    expect(accepted.steps.join()).toContain('"meridian channel list"');
    expect(outlineFailover(gone, { to: 'us-east', acceptLoss: true }).steps.join()).not.toContain(
      'meridian channel',
    );
  });

  test('is refused without a majority of etcd, even if a loss is accepted', () => {
    const facts = { ...gone, coordination: undefined };
    const { impossible } = outlineFailover(facts, { to: 'us-east', acceptLoss: true });
    expect(codes(impossible)).toEqual(['ETCD_WITHOUT_MAJORITY']);
  });
});

describe('fences', () => {
  const head = { epoch: 4, leader: 'fenced by jane', seq: 8, fenced: true };
  const leader = memberIn('eu-west', { postgres: postgresOf({ standby: false, head }) });

  test('a book is fenced once, and unfenced only then', () => {
    expect(outlineFence(bookWith()).objections).toEqual([]);
    expect(codes(outlineUnfence(bookWith()).objections)).toEqual(['NOT_FENCED']);
    expect(codes(outlineFence(bookWith([leader])).objections)).toEqual(['FENCED_ALREADY']);
    expect(outlineUnfence(bookWith([leader])).objections).toEqual([]);
  });

  test('fencing requires a primary', () => {
    const { impossible } = outlineFence(bookWith([silentIn('eu-west')]));
    expect(codes(impossible)).toEqual(['NO_PRIMARY']);
  });
});

describe('regions', () => {
  test('a book leaves to the furthest copy that may lead it', () => {
    const late = memberIn('us-east', { postgres: postgresOf({ flushed: 990n }) });
    expect(departures([bookWith([late])], 'eu-west')).toMatchObject([{ to: 'ap-south' }]);
    const drained = bookWith([late], { drained: new Set(['ap-south']) });
    expect(departures([drained], 'eu-west')).toMatchObject([{ to: 'us-east' }]);
    expect(departures([bookWith()], 'us-east')).toEqual([]);
  });

  test('draining is refused when a book can go nowhere', () => {
    const stuck = bookWith([], { drained: new Set(['us-east', 'ap-south']) });
    expect(codes(outlineDrain([stuck], 'eu-west').objections)).toEqual(['BOOK_CANNOT_LEAVE']);
    expect(outlineDrain([bookWith()], 'eu-west').objections).toEqual([]);
  });

  test('a region that is not drained is not undrained, a book at home does not move there', () => {
    expect(codes(outlineUndrain([bookWith()], 'eu-west').objections)).toEqual(['NOT_DRAINED']);
    expect(codes(outlineFailback([bookWith()], 'eu-west').objections)).toEqual([
      'NOTHING_TO_FAIL_BACK',
    ]);
    const drained = bookWith([], { drained: new Set(['eu-west']) });
    expect(outlineUndrain([drained], 'eu-west').objections).toEqual([]);
    expect(outlineFailback([drained], 'eu-west').objections).toEqual([]);
  });

  test.each([
    [
      'a copy at home that is behind is waited for',
      [away(0n, true), memberIn('eu-west', { postgres: postgresOf({ flushed: 0n }) })],
      [],
    ],
    ['a copy at home that does not stream yet is waited for', [away(far, false), home], []],
    [
      'a copy at home whose Patroni is silent is not',
      [away(far, true), silentIn('eu-west')],
      ['PATRONI_SILENT', 'POSTGRES_SILENT', 'LEDGER_SILENT'],
    ],
  ] as const)('%s', (_, members, expected) => {
    const facts = bookWith([...members], { coordination: { leader: nameIn('us-east') } });
    expect(codes(outlineFailback([facts], 'eu-west').objections)).toEqual(expected);
    // The switchover itself, asked for now, is refused in each case.
    expect(outlineSwitchover(facts, { to: 'eu-west' }).objections).not.toEqual([]);
  });
});

describe('the table of changes', () => {
  test('each change has a name of its own, an example and a request that its options make', () => {
    expect(new Set(changes.map(({ kind }) => kind)).size).toBe(changes.length);
    for (const { kind, subject, options, examples, read } of changes) {
      expect(kind).toMatch(/^[a-z]+(?:-[a-z]+)*$/u);
      expect(examples).not.toEqual([]);
      const given = options.map(({ name, takes }) => [name, takes === 'switch' ? true : 'us-east']);
      const request = { kind, [subject]: 'eu-west', ...Object.fromEntries(given) };
      expect(read({ ...request, why: 'OPS-1' })).toEqual(request);
      expect(() => read({ kind })).toThrow(subject);
    }
  });
});
