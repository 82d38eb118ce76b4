import { setTimeout as sleep } from 'node:timers/promises';

import type { BookStatus, InstallationStatus, MemberReport } from '../../operator/status.ts';
import { Channels, type ChannelStates } from '../../operator/channel-repairs.ts';
import { alarmsOfCertificates, certificateLines } from './certificate-alarms.ts';
import { divergedLines } from './channel.ts';
import { type CommandContext, runningCluster } from '../connection.ts';
import { ExitCode } from '../../terminal/failure.ts';
import { type OperatorOptions, withOperator } from './operator-options.ts';
import {
  clearScreen,
  count,
  milliseconds,
  print,
  printRaw,
  printJson,
  styled,
  toJson,
  WATCH_MS,
} from '../../terminal/print.ts';
import { table } from '../../terminal/table.ts';
import { amountText } from '../values/amount.ts';

/** Shows a replicated installation, once or every second. */
export async function showReplicated(
  options: OperatorOptions & { readonly watch?: boolean },
  { signal, exit }: CommandContext,
): Promise<void> {
  await withOperator(options, async (operator) => {
    if (!options.watch) {
      const status = await operator.status();
      const state = runningCluster(options);
      const channels = await new Channels(state).states();
      const certificateAlarms = await alarmsOfCertificates(state);
      const { diverged } = channels;
      const alarms = [...diverged, ...certificateAlarms];
      if (!isServing(status) || alarms.length > 0 || hasPartitionAlarm(status)) {
        exit(ExitCode.environment);
      }
      if (options.json) return printJson({ ...status, diverged, certificateAlarms });
      const certificates = certificateLines(certificateAlarms);
      return print([describeBoth(status, channels), ...certificates].join('\n'));
    }
    while (!signal.aborted) {
      const status = await operator.status();
      const channels = await new Channels(runningCluster(options)).states();
      if (options.json) await printRaw(toJson({ ...status, diverged: channels.diverged }));
      else if (clearScreen()) await print(describeBoth(status, channels));
      else await print([summary(status), ...divergedLines(channels)].join('\n'));
      // It ends when the command is asked to, which is not an error.
      await sleep(WATCH_MS, undefined, { signal }).catch(() => undefined);
    }
  });
}

function describeBoth(status: InstallationStatus, channels: ChannelStates): string {
  const diverged = channels.diverged.length === 0 ? [] : divergedLines(channels);
  return [describeStatus(status), ...diverged].join('\n');
}

/** Whether every account can be paid from and nothing is in danger. */
function isServing({ coordinated, regions, books }: InstallationStatus): boolean {
  return (
    coordinated &&
    regions.every(({ router, drained }) => router === 'serving' || (drained ?? null) !== null) &&
    books.every(({ leader, exposure }) => leader !== undefined && exposure.safe)
  );
}

const hasPartitionAlarm = ({ books }: InstallationStatus): boolean =>
  books.some(({ members }) => members.some(({ partitionAlarms }) => partitionAlarms.length > 0));

export function describeStatus(status: InstallationStatus): string {
  const { at, tookMs, coordinated, books } = status;
  const took = `asked ${at}, answered within ${milliseconds(tookMs)}`;
  return [
    took,
    describeRegions(status),
    ...(coordinated ? [] : [styled('red', 'etcd has no majority: no book can get a new leader.')]),
    ...books.map((book) => describeBook(book, books)),
  ].join('\n\n');
}

function describeRegions({ regions }: InstallationStatus): string {
  const columns = [{ title: 'region' }, { title: 'router' }, { title: 'etcd' }, { title: 'use' }];
  const rows = regions.map(({ name, router, etcd, drained }) => [
    name,
    goodBad(router, router === 'serving'),
    goodBad(etcd, etcd !== 'not serving'),
    drained === null
      ? 'not known'
      : drained === undefined
        ? 'in use'
        : `drained by ${drained.by} at ${drained.at}: ${drained.why}`,
  ]);
  return table(columns, rows);
}

const goodBad = (text: string, good: boolean) => styled(good ? 'green' : 'red', text);

function describeBook(book: BookStatus, books: readonly BookStatus[]): string {
  const { exposure, failovers, leader } = book;
  const from = leader?.region ?? 'its region';
  const worse = exposure.bytes === undefined ? 'transfers may be lost' : 'transfers are lost';
  const loss = exposure.safe ? 'nothing acknowledged is lost' : styled('red', worse);
  return [
    `${styled('bold', book.name)} (book ${book.book}) ${leaderText(book)}`,
    memberTable(book.members),
    ...clockLines(book.members),
    ...book.members.flatMap(({ partitionAlarms }) => partitionLines(book.name, partitionAlarms)),
    `If ${from} were gone now: ${loss}; ${exposure.because}.`,
    ...failovers.map(
      ({ to, safe, because }) =>
        `Safe to fail over to ${to}: ${goodBad(safe ? 'yes' : 'no', safe)}, because ${because}.`,
    ),
    ...transitLines(book, books),
  ].join('\n');
}

export function leaderText({ leader, fenced, home, primaries }: BookStatus): string {
  if (fenced === true) return styled('red', 'is fenced: no server may lead it');
  if (leader === undefined) {
    const primary = primaries.length > 0 ? `; its primary is in ${primaries.join(', ')}` : '';
    return styled('red', `has no leader${primary}`);
  }
  const { region, epoch, ledgerAddress } = leader;
  const away = region === home ? '' : `, away from home in ${home}`;
  return `is led from ${region} in epoch ${epoch} by ${ledgerAddress}${away}`;
}

export function memberTable(members: readonly MemberReport[]): string {
  const right = { align: 'right' } as const;
  const columns = [
    { title: 'member in' },
    { title: 'role' },
    { title: 'state' },
    { title: 'timeline', ...right },
    { title: 'bytes behind', ...right },
    { title: 'time behind', ...right },
    { title: 'ledger server' },
  ];
  const rows = members.map((member) => [
    member.region,
    member.role,
    goodBad(member.state, ['running', 'streaming'].includes(member.state)),
    String(member.timeline ?? ''),
    ...lagTexts(member),
    goodBad(member.ledger, member.ledger !== 'no answer'),
  ]);
  return table(columns, rows);
}

/** A line for each alarm of the partitions of a book's journal. */
export function partitionLines(book: string, alarms: readonly string[]): string[] {
  return alarms.map((alarm) => styled('red', `${book}: ${alarm}`));
}

/** A line for each ledger server whose clocks disagree. */
function clockLines(members: readonly MemberReport[]): string[] {
  return members.flatMap(({ region, clockAlarm }) =>
    clockAlarm === '' ? [] : [styled('red', `Clock in ${region}: ${clockAlarm}.`)],
  );
}

export function lagTexts({ role, lagBytes, lagMs }: MemberReport): [bytes: string, time: string] {
  if (lagBytes === undefined) return ['not known', 'not known'];
  if (role === 'leader' && lagBytes === 0) return ['', ''];
  return [count(lagBytes), milliseconds(lagMs ?? 0)];
}

/** What is in transit from this book to others; a line even if nothing is. */
function transitLines({ outgoing }: BookStatus, books: readonly BookStatus[]): string[] {
  if (outgoing.length === 0) return ['In transit: nothing.'];
  return outgoing.map(({ toBook, transfers, amount, asset, scale, oldestAgeMs }) => {
    const to = books.find(({ book }) => book === toBook)?.name ?? `book ${toBook}`;
    const sum = scale === 0 ? `${amount} ${asset}` : amountText(amount, { asset, scale });
    return (
      `In transit to ${to}: ${sum} in ${count(transfers)} transfers, ` +
      `the oldest for ${milliseconds(oldestAgeMs)}.`
    );
  });
}

/** One line for each book, for a log. */
function summary({ at, books, coordinated }: InstallationStatus): string {
  const etcd = coordinated ? '' : ' etcd=no-majority';
  return books
    .map(({ name, leader, members, exposure, outgoing, fenced }) => {
      const standby = members.find(({ role }) => role === 'synchronous standby')?.region ?? 'none';
      const lags = members.map(({ region, lagBytes }) => `${region}:${lagBytes ?? 'unknown'}`);
      const transit = outgoing.reduce((sum, { transfers }) => sum + transfers, 0);
      return (
        `${at} ${name} leader=${leader?.region ?? 'none'} epoch=${leader?.epoch ?? 'none'} ` +
        `synchronous=${standby} behind=${lags.join(',')} transit=${transit} ` +
        `safe=${exposure.safe ? 'yes' : 'no'}${fenced === true ? ' fenced' : ''}${etcd}`
      );
    })
    .join('\n');
}
