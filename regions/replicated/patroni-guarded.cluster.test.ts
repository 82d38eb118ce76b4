import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, onTestFinished, test } from 'vitest';
import { findFreeBase } from '../local/ports.ts';
import { testFolder } from '../local/test/folder.ts';
import { whyNotReplicated } from '../test/replicated-profile.ts';
import { findPrograms } from './packages.ts';

/** What the launcher changes in Patroni, against a real etcd. */

const run = promisify(execFile);

/**
 * A leader whose lease has ended, whose view is as old as before it was frozen, and a successor
 * that has been elected meanwhile. Prints whether the old one takes itself for the leader, then
 * who holds the lease.
 */
const thawed = `
import base64, sys
sys.path.insert(0, sys.argv[1])
import patroni_guarded
from patroni.dcs import etcd3

def member(name):
    return etcd3.Etcd3({'name': name, 'scope': 'book', 'namespace': '/test/', 'host': sys.argv[2],
                        'use_proxies': True, 'ttl': 30, 'loop_wait': 1, 'retry_timeout': 5})

old, new = member('old'), member('new')
assert old.attempt_to_acquire_leader()
old.get_cluster()
old._client.deleterange(old.leader_path)
assert new.attempt_to_acquire_leader()
old._lease, old._last_lease_refresh = None, 0
print(old._update_leader())
print(base64.b64decode(new._client.range(new.leader_path)['kvs'][0]['value']).decode())
`;

test.skipIf(whyNotReplicated() !== '')(
  'a leader that was frozen does not take the lease back from its successor',
  async () => {
    const { etcd, python } = findPrograms();
    const port = await findFreeBase(2);
    const client = `http://127.0.0.1:${port}`;
    const peer = `http://127.0.0.1:${port + 1}`;
    const urls = [
      ['--listen-client-urls', client],
      ['--advertise-client-urls', client],
      ['--listen-peer-urls', peer],
      ['--initial-advertise-peer-urls', peer],
      ['--initial-cluster', `default=${peer}`],
    ].flat();
    const server = spawn(etcd, ['--data-dir', join(testFolder(), 'etcd'), ...urls], {
      stdio: 'ignore',
    });
    onTestFinished(async () => {
      server.kill('SIGKILL');
      await once(server, 'exit');
    });
    const healthy = () =>
      fetch(`${client}/health`).then(
        ({ ok }) => ok,
        () => false,
      );
    await expect.poll(healthy, { timeout: 20_000 }).toBe(true);
    const { stdout } = await run(python, ['-c', thawed, import.meta.dirname, `127.0.0.1:${port}`]);
    expect(stdout.trim().split('\n')).toEqual(['False', 'new']);
  },
);

/**
 * A replica at position 100 of its timeline, and another one at 90 of timeline 2. Prints whether it
 * is a candidate on timeline 1 and on timeline 2. Then whether a replica is restarted to follow
 * another leader where replay is in the segment of what it has received, and where it is behind.
 */
const compared = `
import sys
from types import SimpleNamespace
sys.path.insert(0, sys.argv[1])
from patroni.postgresql.config import ConfigHandler
ConfigHandler.check_recovery_conf = lambda self, member: (True, False)
import patroni_guarded
from patroni.ha import Ha, _MemberStatus

other = SimpleNamespace(name='other', nofailover=False, api_url='http://other')
status = _MemberStatus(other, True, True, 0, 2, 90, {}, False)

class Replica(Ha):
    def __init__(self, timeline):
        self.state_handler = SimpleNamespace(
            name='me', last_operation=lambda: 100, get_replica_timeline=lambda: timeline)
    is_standby_cluster = check_timeline = is_synchronous_mode = lambda self: False
    is_lagging = lambda self, position: False
    fetch_nodes_statuses = lambda self, members: [status]

print(*[Replica(timeline)._is_healthiest_node([other]) for timeline in (1, 2)])

def follows(received, replayed):
    postgres = SimpleNamespace(is_starting=lambda: False, received_location=lambda: received,
                               replayed_location=lambda: replayed)
    return ConfigHandler.check_recovery_conf(SimpleNamespace(_postgresql=postgres), None)[1]

segment = 16 * 1024 ** 2
print(follows(2 * segment - 1, segment), follows(2 * segment, 2 * segment - 1), follows(None, segment))
`;

test.skipIf(whyNotReplicated() !== '')(
  'a replica on an old timeline is no candidate; one whose replay is behind is restarted',
  async () => {
    const { stdout } = await run(findPrograms().python, ['-c', compared, import.meta.dirname]);
    expect(stdout.trim().split('\n')).toEqual(['False True', 'False True False']);
  },
);
