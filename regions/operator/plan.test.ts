import { describe, expect, test } from 'vitest';

import {
  departures,
  planDrain,
  planFailback,
  planFailover,
  planFence,
  planSwitchover,
  planUndrain,
  planUnfence,
} from './plan.ts';
import { bookWith, memberIn, nameIn, postgresOf, silentIn } from './test/book-facts.ts';

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
    const plan = planSwitchover(bookWith(), 'us-east');
    expect(plan).toMatchObject({ objections: [], impossible: [], warnings: [] });
    expect(plan.steps[1]).toBe('have Patroni stop eu-west-1 in eu-west and promote it in us-east');
  });

  test.each([
    ['where it is led already', bookWith(), 'eu-west', 'leads eu-west-1 already'],
    [
      'to a copy far behind',
      bookWith([leaderSeeing('us-east', 0n)]),
      'us-east',
      '20,971,520 bytes behind',
    ],
    [
      'to a copy that does not stream',
      bookWith([leaderSeeing('us-east', far, false)]),
      'us-east',
      'us-east does not stream from the leader',
    ],
    ['without a leader', bookWith([silentIn('eu-west')]), 'us-east', 'no leader that answers'],
    ['to a silent region', bookWith([silentIn('us-east')]), 'us-east', 'Patroni does not answer'],
    [
      'to a drained region',
      bookWith([], { drained: new Set(['us-east']) }),
      'us-east',
      'the region is drained',
    ],
  ] as const)('is refused %s', (_, facts, to, because) => {
    expect(planSwitchover(facts, to).objections.join('; ')).toContain(because);
  });

  test('warns when payments will wait for the old leader', () => {
    const facts = bookWith([leaderSeeing('ap-south', far, false)]);
    expect(planSwitchover(facts, 'us-east').warnings).toHaveLength(1);
  });
});

describe('an unplanned change', () => {
  const gone = bookWith([silentIn('eu-west')], { coordination: { leader: undefined } });

  test('is refused while the leader answers', () => {
    const { objections } = planFailover(bookWith(), 'us-east', false);
    expect(objections.join()).toContain('"meridian switchover eu-west-1 --to us-east"');
  });

  test('is possible to a copy as far as the other one', () => {
    expect(planFailover(gone, 'us-east', false)).toMatchObject({ objections: [], impossible: [] });
  });

  test('failing over to the only surviving copy requires the acceptance of a loss', () => {
    const alone = {
      ...gone,
      members: [silentIn('eu-west'), memberIn('us-east'), silentIn('ap-south')],
    };
    expect(planFailover(alone, 'us-east', false).objections).toHaveLength(1);
    const accepted = planFailover(alone, 'us-east', true);
    expect(accepted.objections).toEqual([]);
    expect(accepted.warnings.join()).toContain('you accept that');
    // What to do next: the other books may have legs that the copy lacks.
    expect(accepted.steps.join()).toContain('"meridian channel list"');
    expect(planFailover(gone, 'us-east', true).steps.join()).not.toContain('meridian channel');
  });

  test('is refused without a majority of etcd, even if a loss is accepted', () => {
    const facts = { ...gone, coordination: undefined };
    expect(planFailover(facts, 'us-east', true).impossible.join()).toContain('etcd');
  });
});

describe('fences', () => {
  const head = { epoch: 4, leader: 'fenced by jane', seq: 8, fenced: true };
  const leader = memberIn('eu-west', { postgres: postgresOf({ standby: false, head }) });

  test('a book is fenced once, and unfenced only then', () => {
    expect(planFence(bookWith()).objections).toEqual([]);
    expect(planUnfence(bookWith()).objections).toEqual(['it is not fenced']);
    expect(planFence(bookWith([leader])).objections).toEqual(['it is fenced already']);
    expect(planUnfence(bookWith([leader])).objections).toEqual([]);
  });

  test('fencing requires a primary', () => {
    expect(planFence(bookWith([silentIn('eu-west')])).impossible).toHaveLength(1);
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
    expect(planDrain('drain', [stuck], 'eu-west').objections.join()).toContain('can go nowhere');
    expect(planDrain('evacuate', [bookWith()], 'eu-west').objections).toEqual([]);
  });

  test('a region that is not drained is not undrained, a book at home does not move there', () => {
    expect(planUndrain([bookWith()], 'eu-west').objections).toEqual(['eu-west is not drained']);
    expect(planFailback([bookWith()], 'eu-west').objections).toHaveLength(1);
    const drained = bookWith([], { drained: new Set(['eu-west']) });
    expect(planUndrain([drained], 'eu-west').objections).toEqual([]);
    expect(planFailback([drained], 'eu-west').objections).toEqual([]);
  });

  test.each([
    [
      'a copy at home that is behind is waited for',
      [away(0n, true), memberIn('eu-west', { postgres: postgresOf({ flushed: 0n }) })],
      0,
    ],
    ['a copy at home that does not stream yet is waited for', [away(far, false), home], 0],
    ['a copy at home whose Patroni is silent is not', [away(far, true), silentIn('eu-west')], 1],
  ] as const)('%s', (_, members, objections) => {
    const facts = bookWith([...members], { coordination: { leader: nameIn('us-east') } });
    const plan = planFailback([facts], 'eu-west');
    expect(plan.objections.length > 0).toBe(objections > 0);
    // The switchover itself, asked for now, is refused in each case.
    expect(planSwitchover(facts, 'eu-west').objections).not.toEqual([]);
  });
});
