import type { RegionName } from '../../topology/topology.ts';
import type { MemberFacts, PostgresFacts, StandbyFacts } from '../facts.ts';
import type { BookFacts } from '../safety.ts';

/** A healthy book that eu-west leads, for tests to modify. */

const regionNames = ['eu-west', 'us-east', 'ap-south'];
const SILENT = { silent: 'no answer' };

export const nameIn = (region: RegionName) => `eu-west-1-in-${region}`;

const standbyOf = (region: RegionName, flushed: bigint): StandbyFacts => ({
  name: nameIn(region),
  streaming: true,
  synchronous: true,
  flushed,
  flushLagMs: null,
});

export function postgresOf(changes: Partial<PostgresFacts> = {}): PostgresFacts {
  return {
    standby: true,
    flushed: 1_000n,
    replayed: 1_000n,
    replayAgeMs: 5,
    synchronousNames: '',
    synchronousCommit: 'on',
    standbys: [],
    head: { epoch: 3, leader: 'eu:1', seq: 7, fenced: false },
    outgoing: [],
    ...changes,
  };
}

export function memberIn(region: RegionName, changes: Partial<MemberFacts> = {}): MemberFacts {
  const leads = region === 'eu-west';
  const others = regionNames.filter((name) => name !== region);
  return {
    member: {
      name: nameIn(region),
      book: 1,
      bookName: 'eu-west-1',
      home: 'eu-west',
      region,
      patroniUrl: 'http://patroni',
      ledgerAddress: `${region}:1`,
      adminUrl: 'postgres://admin',
      ledgerUrl: 'postgres://ledger',
      auditorUrl: 'postgres://auditor',
    },
    patroni: { state: 'running', primary: leads, timeline: 2, paused: false, version: '3.0.2' },
    postgres: leads
      ? postgresOf({
          standby: false,
          synchronousNames: 'ANY 1 (a, b, c)',
          standbys: others.map((other) => standbyOf(other, 1_000n)),
        })
      : postgresOf(),
    ledger: { epoch: 3, leading: leads, serving: leads, clockAlarm: '', partitionAlarms: [] },
    ...changes,
  };
}

/** A member whose parts are all silent. */
export const silentIn = (region: RegionName): MemberFacts =>
  memberIn(region, { patroni: SILENT, postgres: SILENT, ledger: SILENT });

/** The book with these members instead of its healthy ones. */
export function bookWith(
  members: readonly MemberFacts[] = [],
  changes: Partial<BookFacts> = {},
): BookFacts {
  const inPlace = (region: RegionName) =>
    members.find(({ member }) => member.region === region) ?? memberIn(region);
  return {
    book: 1,
    name: 'eu-west-1',
    members: regionNames.map((region) => inPlace(region)),
    coordination: { leader: nameIn('eu-west') },
    etcd: { healthy: regionNames, members: 3 },
    drained: new Set(),
    ...changes,
  };
}

/** The facts of a region's member in a book. */
export function memberOf({ members }: BookFacts, region: RegionName): MemberFacts {
  const found = members.find(({ member }) => member.region === region);
  if (found === undefined) throw new Error(`no member in ${region}`);
  return found;
}
