import { userInfo } from 'node:os';
import { Command } from 'commander';

import {
  type ChannelLoss,
  Channels,
  type ChannelStates,
  type ListedLeg,
} from '../../operator/channel-repairs.ts';
import { type CommandContext, dataOption, newCommand, startedCluster } from '../connection.ts';
import { CommandFailure, ExitCode } from '../../terminal/failure.ts';
import { print, printJson, styled } from '../../terminal/print.ts';
import { table } from '../../terminal/table.ts';
import { whileWaiting } from './waiting.ts';

interface ListOptions {
  readonly data: string;
  readonly json?: boolean;
}

interface RepairOptions extends ListOptions {
  readonly why?: string;
  readonly by: string;
  readonly yes?: boolean;
}

/** `meridian channel` */
export function channelCommand(context: CommandContext): Command {
  return new Command('channel')
    .description('look at the channels between books, and repair a book that has lost rows')
    .addHelpText('after', '\nExample:\n  $ meridian channel list')
    .addCommand(listCommand(context))
    .addCommand(repairCommand(context));
}

function listCommand({ signal, exit }: CommandContext): Command {
  return newCommand('list', 'show how far each channel is, and which have diverged', [
    'channel list',
  ])
    .addOption(dataOption())
    .action(async (options: ListOptions) => {
      const asking = new Channels(startedCluster(options)).states();
      const states = await whileWaiting('Reading the books', signal, asking);
      if (states.diverged.length > 0) exit(ExitCode.refused);
      else if (states.unread.length > 0) exit(ExitCode.environment);
      if (options.json) return printJson(states);
      await print(channelTable(states));
      await print(divergedLines(states).join('\n'));
    });
}

function channelTable({ channels }: ChannelStates): string {
  const right = { align: 'right' } as const;
  const columns = [
    { title: 'from' },
    { title: 'to' },
    { title: 'sent', ...right },
    { title: 'applied', ...right },
    { title: 'settled', ...right },
  ];
  const rows = channels.map(({ from, to, sent, applied, settled }) => [
    from,
    to,
    String(sent),
    applied === undefined ? 'not known' : String(applied),
    String(settled),
  ]);
  return table(columns, rows);
}

/** What has diverged, and what to do about it. */
export function divergedLines({ diverged, unread }: ChannelStates): string[] {
  return [
    ...diverged.map(({ book, peer, lost, number, why }) => {
      const text = `CHANNEL_DIVERGED: ${book} has halted its channel with ${peer} from number ${number}`;
      const effect =
        lost === book ? `; ${book} has lost rows and posts nothing` : `; ${lost} has lost rows`;
      return `${styled('red', text)}${effect} (${why}). See: meridian channel repair ${lost}`;
    }),
    ...unread.map((book) => `${book} cannot be read.`),
  ];
}

function repairCommand({ signal, exit }: CommandContext): Command {
  return newCommand(
    'repair',
    'list what a restored book has lost and its peers have, and book it with --yes',
    ['channel repair eu-west-1', 'channel repair eu-west-1 --why OPS-4711 --yes'],
  )
    .argument('<book>', 'number or name of the book that has lost rows')
    .addOption(dataOption())
    .option('--why <text>', 'reason or ticket; it is recorded')
    .option('--by <name>', 'who does it; it is recorded', userInfo().username)
    .option('--yes', 'book what is listed')
    .action(async (book: string, options: RepairOptions) => {
      const why = options.why?.trim() ?? '';
      if (options.yes && why === '') {
        throw new CommandFailure(ExitCode.usage, 'give the reason or ticket with --why TEXT');
      }
      const decision = options.yes ? { by: options.by, why } : undefined;
      const repair = new Channels(startedCluster(options)).repair(book, decision);
      const what = decision === undefined ? 'Comparing the books' : 'Booking what was lost';
      // A repair that was stopped half way is run again.
      const losses = await whileWaiting(what, signal, repair);
      if (losses.some(({ repaired }) => !repaired)) exit(ExitCode.refused);
      if (options.json) return printJson(losses);
      if (losses.length === 0) return print('It has lost nothing that its peers know of.');
      for (const loss of losses) await print(describeLoss(loss));
      if (decision === undefined)
        await print('\nNothing was changed. Book it with --why TEXT --yes.');
    });
}

/** What was lost of a channel, or booked again, and what is left to do. */
export function describeLoss({
  book,
  peer,
  lostSent,
  undone,
  lostArrived,
  reserved,
  repaired,
}: ChannelLoss): string {
  const title = repaired
    ? `${book} has again what ${peer} has:`
    : `${book} has lost, and ${peer} has:`;
  return [
    styled('bold', title),
    ...section(`Left ${book} and reached ${peer}; the payer is debited`, lostSent),
    ...section(`Left ${book} since; returned, unless it reached ${peer} as another number`, undone),
    ...section(`Left ${peer} and reached ${book}; booked with this result`, lostArrived),
    ...reservedLines(reserved, repaired),
  ].join('\n');
}

/** Holds that only an operator can free, with the command for each. */
function reservedLines(reserved: ChannelLoss['reserved'], repaired: boolean): string[] {
  if (reserved.length === 0) return [];
  const when = repaired ? 'now' : 'after the repair';
  return [
    `Captured, and still reserved; release each ${when} (${reserved.length}):`,
    ...reserved.map(
      ({ holdId, debitAccountId, left, asset }) =>
        `  ${left} ${asset}: meridian hold release ${holdId} --from id:${debitAccountId}`,
    ),
  ];
}

function section(title: string, legs: readonly ListedLeg[]): string[] {
  if (legs.length === 0) return [];
  const right = { align: 'right' } as const;
  const columns = [
    { title: 'number', ...right },
    { title: 'transfer' },
    { title: 'payer' },
    { title: 'payee' },
    { title: 'amount', ...right },
    { title: 'asset' },
    { title: 'at' },
    { title: 'result' },
    { title: 'reference' },
  ];
  const rows = legs.map((leg) => [
    String(leg.number),
    leg.transferId,
    String(leg.debitAccountId),
    String(leg.creditAccountId),
    String(leg.amount),
    leg.asset,
    leg.at,
    leg.result,
    leg.reference,
  ]);
  return [`${title} (${legs.length}):`, table(columns, rows)];
}
