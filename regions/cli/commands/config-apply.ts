import type { Command } from 'commander';
import type { ChangeStep, TopologyChange } from '../../supervisor/embedded/topology-change.ts';
import { CommandFailure, ExitCode } from '../../terminal/failure.ts';
import { note, print, printJson } from '../../terminal/print.ts';
import { configOf, configOption, type WithConfigOption } from '../config-option.ts';
import { dataOption, newCommand, startedCluster } from '../connection.ts';

interface ApplyOptions extends WithConfigOption {
  readonly data: string;
  readonly dryRun?: boolean;
  readonly json?: boolean;
}

/** `meridian config apply` */
export function applyCommand(): Command {
  const description = 'add the new books and regions of the configuration to what runs here';
  return newCommand('apply', description, [
    'config apply --dry-run',
    'config apply --config ./meridian.yaml --json',
  ])
    .addOption(configOption())
    .addOption(dataOption())
    .option('--dry-run', 'only show what would change')
    .addHelpText(
      'after',
      '\nServers are restarted one at a time, while payments go on. Settings take effect when' +
        '\nMeridian is started. After an error the command can be repeated.' +
        '\nExit codes: 0 done, 1 refused, 2 wrong usage, 3 not possible here.',
    )
    .action(apply);
}

async function apply(options: ApplyOptions): Promise<void> {
  const { json = false, dryRun = false } = options;
  const { topology, file } = await configOf(options);
  const state = startedCluster(options);
  if (state.replicated !== undefined) {
    throw new CommandFailure(
      ExitCode.environment,
      'a replicated installation takes a new topology only when it is started: ' +
        'stop it with "meridian down", then start it with the new configuration',
    );
  }
  const { applyTopology } = await import('../../supervisor/embedded/topology-control.ts');
  const change = await applyTopology(state.controlSocket, topology, { dryRun, report }).catch(
    async (error: unknown) => {
      const { CommandRefused } = await import('../../processes/control-socket.ts');
      if (!(error instanceof CommandRefused)) throw error;
      throw new CommandFailure(ExitCode.refused, error.message);
    },
  );
  if (json) await printJson({ file: file ?? null, applied: !dryRun, ...change });
  else await print(changeText(change, dryRun));
}

const report = (step: ChangeStep) => note(`  ${stepText(step)}`);

function stepText(step: ChangeStep): string {
  if (step.kind === 'recorded') return 'the topology is recorded with the data';
  return `${step.process} ${step.kind === 'started' ? 'runs' : 'was restarted'}`;
}

function changeText(change: TopologyChange, dryRun: boolean): string {
  const { regions, books, started, restarted } = change;
  if (started.length === 0 && restarted.length === 0) {
    return 'Nothing to change: this is what runs.';
  }
  const rows = { regions, books, started, restarted };
  const lines = Object.entries(rows)
    .filter(([, names]) => names.length > 0)
    .map(([what, names]) => `  ${what.padEnd(9)}  ${names.join(', ')}`);
  return [dryRun ? 'This would change:' : 'Changed:', ...lines].join('\n');
}
