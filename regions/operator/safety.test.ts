import { describe, expect, test } from 'vitest';

import type { RegionName } from '../topology/layout.ts';
import { describeBook } from './book-status.ts';
import { type BookFacts, judgeExposure, judgeFailover } from './safety.ts';
import { bookWith, memberIn, memberOf, nameIn, postgresOf, silentIn } from './test/book-facts.ts';

const primary = (changes: Parameters<typeof postgresOf>[0]) => {
  const { postgres } = memberIn('eu-west');
  if ('silent' in postgres) throw new Error('the leader answers');
  return memberIn('eu-west', { postgres: { ...postgres, ...changes } });
};
const failover = (facts: BookFacts, to: RegionName) => judgeFailover(facts, memberOf(facts, to));

describe('what would be lost without the leader', () => {
  test('nothing, while another region has everything', () => {
    expect(judgeExposure(bookWith())).toEqual({
      safe: true,
      because: 'us-east and ap-south have everything acknowledged between them',
      bytes: 0,
    });
  });

  test.each([
    ['commits wait for no replica', { synchronousNames: '' }],
    ['commits do not wait at all', { synchronousCommit: 'local' }],
  ])('acknowledged transfers, when %s', (_, changes) => {
    const [first, ...more] = memberStandbys(200n);
    const standbys = first === undefined ? [] : [first, ...more];
    const spoilt = primary({ ...changes, standbys });
    expect(judgeExposure(bookWith([spoilt]))).toMatchObject({ safe: false, bytes: 800 });
  });

  test('nothing, when no replica streams: then nothing is acknowledged', () => {
    const { safe, because } = judgeExposure(bookWith([primary({ standbys: [] })]));
    expect(safe).toBe(true);
    expect(because).toContain('no payment is acknowledged');
  });

  test('it is not known while neither the leader nor two other copies answer', () => {
    const facts = bookWith([silentIn('eu-west'), silentIn('us-east')]);
    expect(judgeExposure(facts).safe).toBe(false);
    expect(judgeExposure(bookWith([silentIn('eu-west')])).safe).toBe(true);
  });
});

function memberStandbys(flushed: bigint) {
  const { postgres } = memberIn('eu-west');
  return 'silent' in postgres ? [] : postgres.standbys.map((each) => ({ ...each, flushed }));
}

describe('whether a region may take over', () => {
  test('both others may, when they have the same', () => {
    expect(failover(bookWith(), 'us-east').safe).toBe(true);
    expect(failover(bookWith(), 'ap-south').safe).toBe(true);
  });

  test('one that is behind the other one may not, the other may', () => {
    const facts = bookWith([memberIn('us-east', { postgres: postgresOf({ flushed: 990n }) })]);
    expect(failover(facts, 'us-east')).toMatchObject({
      safe: false,
      because: 'it is 10 bytes behind ap-south, which can take over',
      codes: ['OTHER_COPY_AHEAD'],
    });
    expect(failover(facts, 'ap-south').safe).toBe(true);
  });

  test('one alone may not, for it may lack what only the other has', () => {
    const judged = failover(bookWith([silentIn('ap-south')]), 'us-east');
    expect(judged).toMatchObject({ safe: false, codes: ['COPY_NOT_COMPARABLE'] });
  });

  test('the position of a copy on another timeline proves nothing', () => {
    const patroni = {
      state: 'running',
      primary: false,
      timeline: 1,
      paused: false,
      version: '3.0.2',
    };
    expect(failover(bookWith([memberIn('ap-south', { patroni })]), 'us-east').safe).toBe(false);
  });

  test.each([
    ['drained', { drained: new Set(['us-east']) }, 'REGION_DRAINED'],
    ['without any majority of etcd', { coordination: undefined }, 'ETCD_WITHOUT_MAJORITY'],
    [
      'without a majority of etcd once the leader is gone',
      { etcd: { healthy: ['eu-west', 'us-east'] as const, members: 3 } },
      'ETCD_NEEDS_LEADER_REGION',
    ],
  ])('not %s', (_, changes, code) => {
    const judged = failover(bookWith([], changes), 'us-east');
    expect(judged).toMatchObject({ safe: false, codes: expect.arrayContaining([code]) });
  });

  test('not while the book is fenced, nor one whose parts are silent', () => {
    const head = { epoch: 4, leader: 'fenced by jane', seq: 8, fenced: true };
    expect(failover(bookWith([primary({ head })]), 'us-east').codes).toEqual(['BOOK_FENCED']);
    const { codes } = failover(bookWith([silentIn('us-east')]), 'us-east');
    expect(codes.slice(0, 3)).toEqual(['PATRONI_SILENT', 'POSTGRES_SILENT', 'LEDGER_SILENT']);
  });
});

describe('a book for people', () => {
  test('shows the leader and how far copies are, and judges only the others', () => {
    const late = postgresOf({ flushed: 900n, replayed: 900n, replayAgeMs: 70 });
    const facts = bookWith([memberIn('ap-south', { postgres: late })]);
    const book = describeBook(facts, 'eu-west');
    expect(book).toMatchObject({
      leader: { region: 'eu-west', epoch: 3, member: nameIn('eu-west') },
      primaries: ['eu-west'],
      fenced: false,
    });
    expect(
      book.members.map(({ role, state, lagBytes, lagMs }) => [role, state, lagBytes, lagMs]),
    ).toEqual([
      ['leader', 'running', 0, 0],
      ['synchronous standby', 'streaming', 0, 0],
      ['synchronous standby', 'streaming', 100, 70],
    ]);
    expect(book.failovers.map(({ to }) => to)).toEqual(['us-east', 'ap-south']);
  });

  test('a zombie that claims to lead is not the leader', () => {
    const zombie = memberIn('eu-west', {
      ledger: { epoch: 3, leading: true, serving: true, clockAlarm: '', partitionAlarms: [] },
    });
    const now = memberIn('us-east', {
      ledger: { epoch: 4, leading: true, serving: true, clockAlarm: '', partitionAlarms: [] },
    });
    expect(describeBook(bookWith([zombie, now]), 'eu-west').leader?.region).toBe('us-east');
  });

  test('a region that is gone is named as such', () => {
    const book = describeBook(bookWith([silentIn('ap-south')]), 'eu-west');
    expect(book.members[2]).toMatchObject({
      state: 'no answer',
      ledger: 'no answer',
      lagBytes: undefined,
    });
  });
});
