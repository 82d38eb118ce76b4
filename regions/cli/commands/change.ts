import { userInfo } from 'node:os';
import type { Command } from 'commander';

import { type Change, type ChangeKind, changeOf } from '../../operator/changes/all.ts';
import type { ChangeOption } from '../../operator/changes/operator-change.ts';
import type { Objection } from '../../operator/objection.ts';
import type { Acting, CompletedChange, Plan } from '../../operator/change-plan.ts';
import type { Operator } from '../../operator/operator.ts';
import type { CommandContext } from '../connection.ts';
import { toFailure } from '../error-report.ts';
import { confirmByTyping, isTerminal } from '../../terminal/confirm.ts';
import { CommandFailure, ExitCode } from '../../terminal/failure.ts';
import { type OperatorOptions, operatorCommand, withOperator } from './operator-options.ts';
import { note, print, printJson, styledNote } from '../../terminal/print.ts';
import { printError } from '../error-report.ts';

/** Options of every command that changes an installation. */
interface ChangeOptions extends OperatorOptions {
  readonly why?: string;
  readonly by: string;
  readonly dryRun?: boolean;
  readonly yes?: boolean;
}

/** A step that takes longer is printed again, so that it does not seem to hang. */
const STILL_MS = 5_000;

/** The command of a change, such as `meridian switchover`. */
export function changeCommand(kind: ChangeKind, context: CommandContext): Command {
  const change = changeOf(kind);
  const { help, examples, subject, options } = change;
  const lines = examples.map((example) => `${kind} ${example}`);
  const command = operatorCommand(kind, help, lines);
  if (subject === 'book') command.argument('<book>', 'number or name of the book');
  else command.argument('<region>', 'the region');
  for (const option of options) addOption(command, option);
  return command
    .option('--why <text>', 'reason or ticket; it is recorded')
    .option('--by <name>', 'who does it; it is recorded', userInfo().username)
    .option('--dry-run', 'print what would be done and the objections to it; change nothing')
    .option('--yes', 'do not ask for the name to be typed')
    .action((name: string, given: ChangeOptions) =>
      runChange(change.read({ ...given, kind, [subject]: name }), given, context),
    );
}

function addOption(command: Command, { name, help, takes }: ChangeOption): void {
  const flag = `--${name.replaceAll(/[A-Z]/gu, (letter) => `-${letter.toLowerCase()}`)}`;
  if (takes === 'switch') command.option(flag, help);
  else command.requiredOption(`${flag} <region>`, help);
}

/** Plans a change, asks for confirmation, makes it and prints the result. */
async function runChange(
  change: Change,
  options: ChangeOptions,
  context: CommandContext,
): Promise<void> {
  const why = options.why?.trim() ?? '';
  if (why === '' && !options.dryRun) {
    throw new CommandFailure(ExitCode.usage, 'give the reason or ticket with --why TEXT');
  }
  await withOperator(options, async (operator) => {
    const plan = await operator.plan(change);
    if (options.dryRun) return showPlan(plan, options, context);
    const barred = plan.objections.length + plan.impossible.length > 0;
    // A change that would be refused needs no confirmation: the refusal states the reason.
    if (!barred && !options.yes) await confirm(plan, context);
    await carryOut(operator, change, { by: options.by, why }, options, context);
  });
}

async function showPlan(plan: Plan, { json }: ChangeOptions, { exit }: CommandContext) {
  const { objections, impossible } = plan;
  if (objections.length > 0) exit(ExitCode.refused);
  else if (impossible.length > 0) exit(ExitCode.environment);
  if (json) return printJson(plan);
  await print(describePlan(plan));
}

const section = (title: string, lines: readonly string[]) =>
  lines.length === 0 ? [] : [title, ...lines.map((line) => `  ${line}`)];

const describeObjection = ({ code, text }: Objection) => `${text} [${code}]`;

function describePlan({ kind, subject, steps, warnings, objections, impossible }: Plan): string {
  const barred = objections.length + impossible.length > 0;
  return [
    `${kind} ${subject} ${barred ? 'would not be done' : 'would be done'}.`,
    ...section('Refused, because:', objections.map(describeObjection)),
    ...section('Not possible, because:', impossible.map(describeObjection)),
    ...section('Mind that:', warnings),
    ...section('Steps:', steps),
  ].join('\n');
}

async function confirm(plan: Plan, { signal }: CommandContext): Promise<void> {
  if (!isTerminal()) {
    throw new CommandFailure(
      ExitCode.usage,
      `without a terminal "${plan.kind}" needs --yes; --dry-run prints what it would do`,
    );
  }
  note(describePlan(plan));
  if (await confirmByTyping(plan.subject, signal)) return;
  throw new CommandFailure(ExitCode.refused, 'that is not its name; nothing was changed');
}

async function carryOut(
  operator: Operator,
  change: Change,
  acting: Acting,
  { json }: ChangeOptions,
  { signal, exit }: CommandContext,
): Promise<void> {
  const steps = new Steps();
  const onAbort = () => {
    note(
      `${change.kind} has begun and will be completed; "meridian status" shows its state. ` +
        'Ctrl-C again ends this command without waiting for it.',
    );
  };
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    const operation = await operator.make(change, { ...acting, onStep: steps.show });
    steps.end();
    for (const book of operation.notRecorded) {
      note(`${styledNote('yellow', 'note')}: it could not be recorded in ${book}`);
    }
    await (json ? printJson(operation) : print(describeOperation(operation)));
    if (operation.result['safeToSwitchOff'] === false) exit(ExitCode.refused);
    if (operation.result['leading'] === false) exit(ExitCode.environment);
  } catch (error) {
    // The result is printed even after Ctrl-C.
    const failure = toFailure(error);
    exit(failure.exitCode);
    await (json ? printError(error) : note(`meridian: ${failure.message}`));
  } finally {
    steps.end();
    signal.removeEventListener('abort', onAbort);
  }
}

function describeOperation({ kind, subject, tookMs, result }: CompletedChange): string {
  const facts = Object.entries(result)
    .filter(([, value]) => value !== '')
    .map(([name, value]) => `  ${name.padEnd(16)} ${value}`);
  const seconds = (tookMs / 1_000).toFixed(1);
  return [`${kind} ${subject} is done, after ${seconds} s.`, ...facts].join('\n');
}

/** A line for each step, and a sign of life while one takes long. */
class Steps {
  readonly #startedAt = performance.now();
  #last = '';
  readonly #timer: NodeJS.Timeout;
  #shownAt = performance.now();

  constructor() {
    this.#timer = setInterval(() => {
      if (this.#last === '' || performance.now() - this.#shownAt < STILL_MS) return;
      this.#line(`still ${this.#last}`);
    }, 1_000);
  }

  readonly show = (text: string): void => {
    this.#last = text;
    this.#line(text);
  };

  end(): void {
    clearInterval(this.#timer);
  }

  #line(text: string): void {
    this.#shownAt = performance.now();
    const seconds = ((this.#shownAt - this.#startedAt) / 1_000).toFixed(1);
    note(`  ${seconds.padStart(5)} s  ${text}`);
  }
}
