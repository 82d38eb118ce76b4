import type { MemberLayout, ReplicatedLayout } from '../../topology/replicated-layout.ts';

/**
 * The veto on promotions. Every commit waits for any one of the two other members, so a member
 * may be promoted only if what it has, together with what another member has, covers every
 * acknowledgement there ever was: it must be at least as far as one other member, and that one
 * must not keep acknowledging to an old leader that is frozen or cut off. One fact shows both:
 * the other member streams from the candidate and is not ahead of it. Patroni lets every replica
 * follow the holder of the lease, so where two of three members can reach each other this takes
 * less than a second; where they cannot, nothing is promoted and nothing is lost.
 *
 * Only the other member knows its own position. The candidate sees what the member's walreceiver
 * reports, which after a start is how far the member has replayed, and then how far it has received
 * the candidate's own WAL; of WAL that it has received from the old leader, acknowledged and not
 * yet replayed, it reports nothing. So the member itself is asked, through its Patroni, once
 * it streams from the candidate and can acknowledge nothing else any more. It need not have
 * replayed what it has: a leader that crashes may leave the first pages of a record with all
 * members, and none of them can ever replay it.
 *
 * Timelines: Postgres serves a standby only a timeline of its own history, so a member on a newer
 * timeline never streams from a candidate on an older one, which is therefore never promoted; the
 * launcher, patroni_guarded.py, keeps it from being a candidate at all, and has each promotion take
 * a number of its own, without which two histories could pass for one timeline. A copy of an old
 * leader that streams from a candidate on a newer timeline can be its other member: it can confirm
 * no commit of that timeline (ledger/store/postgres/leave-fork.ts), so the candidate has all that was
 * acknowledged.
 *
 * With Patroni this is quorum commit without its synchronous mode, which in versions before 4
 * knows a single synchronous member: the loss of its region would stop the others' commits until
 * Patroni has appointed another.
 */

/** All members of a book by Patroni's names, in any one's configuration the same. */
export function memberNames(layout: ReplicatedLayout, book: number): string[] {
  return layout.regions.flatMap(({ members }) =>
    members.filter((member) => member.book === book).map(({ name }) => name),
  );
}

/** The setting by which a commit waits for any one other member; a member's own name is idle. */
export function synchronousStandbyNames(layout: ReplicatedLayout, book: number): string {
  return `ANY 1 (${memberNames(layout, book)
    .map((name) => `"${name}"`)
    .join(', ')})`;
}

/** Whether an operator accepts a loss, as a function of the shell. */
const ACCEPTED = `\
# To promote anyway, and lose what only the unreachable members have, make the file
# accept-loss next to this script ("meridian failover --accept-loss" does). It counts once, and
# for two minutes: one that was forgotten must not let anything pass weeks later. It also counts
# when it comes during the wait: Patroni drops a failover that is requested while it already tries
# to promote, so there would be no second attempt.
accepted() {
  [ -e accept-loss ] || return 1
  fresh=$(find accept-loss -mmin -2 2>/dev/null)
  mv accept-loss accept-loss.used 2>/dev/null && [ -n "$fresh" ]
}
`;

/** How long Patroni keeps the lease for a candidate that no other member follows. */
const PATIENCE_SECONDS = 5;

export interface GuardOptions {
  readonly layout: ReplicatedLayout;
  readonly member: MemberLayout;
  readonly postgresBin: string;
  /** The interpreter that runs Patroni. */
  readonly python: string;
  /** Folder of the Unix socket, where the guard also finds its password file. */
  readonly runDir: string;
}

/** The script that Patroni runs on a member that holds the lease and is about to be promoted. */
export function promotionGuard({
  layout,
  member,
  postgresBin,
  python,
  runDir,
}: GuardOptions): string {
  const others = layout.regions.flatMap(({ host, members }) =>
    members
      .filter(({ book, name }) => book === member.book && name !== member.name)
      .map(({ name, ports }) => ({ name, patroni: `http://${host}:${ports.patroni}/patroni` })),
  );
  const names = others.map(({ name }) => `'${name}'`).join(', ');
  const addresses = others
    .map(({ name, patroni }) => `'${name}') patroni='${patroni}' ;;`)
    .join('\n    ');
  return `#!/bin/sh
# Promotion guard of ${member.name}: exit code 0 lets Patroni promote it, any other does not.
# Safe is: another member of the book streams from this one and is not ahead of it. Then every
# acknowledged commit is here, and no member is left to acknowledge anything to the old leader.
cd '${runDir}' || exit 1
${ACCEPTED}# Those that stream from here, and how far this one is in bytes, as NAME|BYTES.
followers() {
  PGPASSFILE=guard.pgpass PGCONNECT_TIMEOUT=2 timeout -k 1 3 '${postgresBin}/psql' \\
    --no-psqlrc --tuples-only --no-align \\
    --host '${runDir}' --port ${member.ports.postgres} --username postgres postgres --command "
      SELECT application_name,
             greatest(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn()) - '0/0'
        FROM pg_stat_replication
       WHERE application_name IN (${names}) AND state = 'streaming'
         AND greatest(write_lsn, flush_lsn, replay_lsn)
             <= greatest(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn())"
}
# The position of the member of this name in bytes, as it reports itself. What it has received may
# not be replayed yet, and is then not in what it reports to this one.
position_of() {
  case $1 in
    ${addresses}
  esac
  timeout -k 1 3 '${python}' -I -c "
import json
from urllib.request import ProxyHandler, build_opener
status = json.load(build_opener(ProxyHandler({})).open('$patroni', timeout=2))
at = status.get('xlog') or status['wal']
print(max(at['received_location'], at['replayed_location']))"
}
until=$(($(date +%s) + ${PATIENCE_SECONDS}))
while [ "$(date +%s)" -le "$until" ]; do
  if accepted; then
    echo "promotion guard: promoting ${member.name} although acknowledged commits may be lost" >&2
    exit 0
  fi
  for follower in $(followers); do
    position=$(position_of "\${follower%|*}")
    if [ -n "$position" ] && [ "$position" -le "\${follower#*|}" ]; then
      exit 0
    fi
  done
  sleep 0.1
done
echo "promotion guard: no other member follows ${member.name}: it may lack acknowledged commits" >&2
exit 1
`;
}
