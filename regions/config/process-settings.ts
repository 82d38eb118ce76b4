import type { PostgresTuning } from '../../ledger/postgres/data-directory.ts';
import type { Topology } from '../topology/topology.ts';
import {
  numberOf,
  type ResolvedSettings,
  resolveSettings,
  serverEnvironment,
} from './resolve-settings.ts';
import { machineMemoryMib, type Profile, scaleOf } from './scale.ts';
import { type SupervisorTuning, supervisorTuning } from './supervisor-tuning.ts';

/** The settings of an installation, as its supervisor hands them to the processes. */
export interface ProcessSettings {
  readonly supervisor: SupervisorTuning;
  /** What the environment of each server has in addition to its place. */
  readonly environment: Readonly<Record<'ledger' | 'router', Readonly<Record<string, string>>>>;
}

export function processSettings(resolved: ResolvedSettings): ProcessSettings {
  const values = Object.keys(supervisorTuning).map((name) => [
    name,
    numberOf(resolved, `supervisor.${name}`),
  ]);
  return {
    supervisor: { ...supervisorTuning, ...Object.fromEntries(values) },
    environment: {
      ledger: serverEnvironment(resolved, 'ledger'),
      router: serverEnvironment(resolved, 'router'),
    },
  };
}

/** The tuning of one Postgres of the embedded profile. */
export function postgresTuning(supervisor: SupervisorTuning): PostgresTuning {
  return {
    connections: supervisor.postgresConnections,
    buffersMib: supervisor.postgresBuffersMib,
    walMib: supervisor.postgresWalMib,
    checkpointSeconds: supervisor.postgresCheckpointSeconds,
  };
}

/** Those of an installation without a file on this machine. */
export function defaultProcessSettings(topology: Topology, profile: Profile): ProcessSettings {
  const scale = scaleOf(topology, profile, machineMemoryMib());
  return processSettings(
    resolveSettings({ file: new Map(), env: {}, scale }, (key, _, message) => {
      throw new Error(`${key}: ${message}`);
    }),
  );
}
