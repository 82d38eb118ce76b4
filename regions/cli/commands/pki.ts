import { isIP } from 'node:net';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Command, InvalidArgumentError, Option } from 'commander';
import {
  identityForms,
  identityPath,
  isTrustDomain,
  parseIdentity,
  parsePath,
  type PathIdentity,
} from '../../../ledger/rpc/tls/identity.ts';
import {
  DEFAULT_TRUST_DOMAIN,
  initPki,
  issueCertificate,
  renewCertificates,
  rotateAuthority,
  type RotationStep,
  rotationSteps,
} from '../../pki/pki.ts';
import { type PkiFolder, pkiFolder } from '../../links/pki-files.ts';
import { readAuthority } from '../../pki/pki-folder.ts';
import { type PkiStatus, pkiStatus } from '../../pki/pki-status.ts';
import { CommandFailure, ExitCode } from '../../terminal/failure.ts';
import { note, print, printJson, styled } from '../../terminal/print.ts';
import { table } from '../../terminal/table.ts';
import { type CommandContext, dataOption, newCommand } from '../connection.ts';
import { parseDuration } from '../values/duration.ts';

interface PkiOptions {
  readonly data: string;
  readonly folder?: string;
  readonly json?: boolean;
}

/** `meridian pki` */
export function pkiCommand(context: CommandContext): Command {
  return new Command('pki')
    .description('the certificate authority of an installation, and its certificates')
    .addHelpText('after', '\nExample:\n  $ meridian pki status')
    .addCommand(initCommand())
    .addCommand(issueCommand())
    .addCommand(rotateCommand())
    .addCommand(statusCommand(context));
}

function subcommand(name: string, description: string, examples: readonly string[]): Command {
  return newCommand(name, description, examples)
    .addOption(dataOption())
    .option('--folder <dir>', 'folder of the authority, in place of "pki" in the data folder');
}

const folderOf = ({ data, folder }: PkiOptions): PkiFolder =>
  pkiFolder(resolve(folder ?? join(data, 'pki')));

function initCommand(): Command {
  return subcommand('init', 'make an authority, which is valid for ten years', [
    'pki init --folder /etc/meridian/pki --trust-domain payments.example.com',
  ])
    .addOption(
      new Option('--trust-domain <name>', 'the name of the installation in every identity')
        .default(DEFAULT_TRUST_DOMAIN)
        .argParser(parseTrustDomain),
    )
    .action(async (options: PkiOptions & { readonly trustDomain: string }) => {
      const folder = folderOf(options);
      await initPki(folder, options.trustDomain);
      const { authorities } = folder;
      const { trustDomain } = options;
      if (options.json) await printJson({ folder: folder.root, trustDomain, authorities });
      else
        note(`the authority of ${trustDomain} was made; ${authorities} is what others are given`);
    });
}

interface IssueCommandOptions extends PkiOptions {
  readonly host?: readonly string[];
  readonly validFor: number;
  readonly out?: string;
}

/** Longer-lived certificates cannot be taken back in time. */
const LIFE_SECONDS = { min: 60, max: 366 * 86_400 };

function issueCommand(): Command {
  return subcommand('issue', 'issue a certificate with a new key, both in one file', [
    'pki issue region/eu-west/router --host eu-west.example.com --host 10.0.0.7',
    'pki issue tenant/shop/service/checkout --valid-for 7d --out checkout.pem',
  ])
    .argument('<identity>', `${identityForms}, or the whole spiffe:// URI`)
    .addOption(
      new Option(
        '--host <name>',
        'DNS name or IP address of the server; may be repeated',
      ).argParser(parseHost),
    )
    .addOption(
      new Option('--valid-for <duration>', 'such as 90m, 24h or 7d')
        .default(86_400, '24h')
        .argParser(parseLife),
    )
    .option('--out <file>', 'where to write it; else it is kept, and renewed, in the folder')
    .action(async (text: string, options: IssueCommandOptions) => {
      const folder = folderOf(options);
      const identity = parseIdentityArgument(text, folder);
      const hosts = options.host ?? [];
      if (hosts.length === 0 && (identity.kind === 'router' || identity.kind === 'ledger')) {
        throw usage(`${identityPath(identity)} is a server: name its hosts with --host`);
      }
      const { file, facts } = await issueCertificate(folder, identity, {
        hosts,
        validForMs: options.validFor * 1_000,
        ...(options.out === undefined ? {} : { out: resolve(options.out) }),
      });
      const { expiresAt, validFrom: _, ...shown } = facts;
      const until = new Date(expiresAt).toISOString();
      if (options.json) await printJson({ file, ...shown, expiresAt: until });
      else note(`${facts.identity} was issued until ${until}; key and certificate are in ${file}`);
    });
}

interface RotateOptions extends PkiOptions {
  readonly all?: boolean;
  readonly revoke?: boolean;
  readonly authority?: RotationStep;
}

/** Servers read their files every second, and the removal of an authority twice. */
const READ_WITHIN_MS = 2_500;

const AFTER: Readonly<Record<RotationStep, string>> = {
  begin: 'give authorities.pem to every server and client, then: pki rotate --authority switch',
  switch: 'give every certificate to its server or client, then: pki rotate --authority finish',
  finish: 'give authorities.pem to every server and client: the earlier authority is not in it',
};

function rotateCommand(): Command {
  return subcommand('rotate', 'renew the certificates that are due, or replace the authority', [
    'pki rotate --all',
    'pki rotate --authority begin',
  ])
    .addOption(new Option('--all', 'every certificate of the folder').conflicts('authority'))
    .addOption(
      new Option('--authority <step>', 'a step of replacing the authority').choices(rotationSteps),
    )
    .option('--revoke', 'finish even if certificates of the earlier authority are in use elsewhere')
    .action(async (options: RotateOptions) => {
      const folder = folderOf(options);
      const { authority: step, all = false, revoke = false } = options;
      if (revoke && step !== 'finish') throw usage('--revoke is about --authority finish');
      const renewed =
        step === undefined
          ? await renewCertificates(folder, all)
          : await rotateAuthority(folder, step, { revoke });
      // So that a step that follows at once finds every server of this machine with what it has now.
      if (step !== undefined) await sleep(READ_WITHIN_MS);
      if (options.json) return printJson({ step: step ?? null, renewed });
      note(renewed.length === 0 ? 'no certificate was due' : `renewed: ${renewed.join(', ')}`);
      if (step !== undefined) note(AFTER[step]);
    });
}

function statusCommand({ exit }: CommandContext): Command {
  return subcommand('status', 'list every certificate and when it expires', [
    'pki status',
    'pki status --json',
  ])
    .addHelpText(
      'after',
      '\nExit codes: 0 nothing is wrong, 1 a certificate has expired or was not renewed in time,\n' +
        '2 wrong usage, 3 there is no authority.',
    )
    .action(async (options: PkiOptions) => {
      const status = pkiStatus(folderOf(options), Date.now());
      const { authorities, certificates, unreadable } = status;
      const wrong = [...authorities, ...certificates, ...unreadable].some(
        ({ problem }) => problem !== '',
      );
      if (wrong) exit(ExitCode.refused);
      await (options.json ? printJson(statusJson(status)) : printStatus(status));
    });
}

const dated = <Life extends { readonly expiresAt: number }>(life: Life) => ({
  ...life,
  expiresAt: new Date(life.expiresAt).toISOString(),
});

/** What is wrong, or else how it is. */
const stateText = (problem: string, fine: string): string =>
  problem === '' ? fine : styled('red', problem);

function statusJson({ nextStep, authorities, certificates, ...rest }: PkiStatus) {
  return {
    ...rest,
    nextStep: nextStep ?? null,
    authorities: authorities.map(dated),
    certificates: certificates.map(({ validFrom, ...one }) => ({
      ...dated(one),
      validFrom: new Date(validFrom).toISOString(),
    })),
  };
}

async function printStatus(status: PkiStatus): Promise<void> {
  const { folder, trustDomain, nextStep, authorities, certificates, unreadable } = status;
  const columns = [
    { title: 'identity' },
    { title: 'serial' },
    { title: 'fingerprint (SHA-256)' },
    { title: 'expires in', align: 'right' } as const,
    { title: 'state' },
  ];
  const rows = [
    ...authorities.map(({ name, serial, fingerprint, expiresInSeconds, issuing, problem }) => [
      name,
      serial,
      shortened(fingerprint),
      timeLeft(expiresInSeconds),
      stateText(problem, issuing ? 'issues' : 'trusted'),
    ]),
    ...certificates.map((one) => [
      one.identity,
      one.serial,
      shortened(one.fingerprint),
      timeLeft(one.expiresInSeconds),
      stateText(one.problem, fineState(one)),
    ]),
  ];
  await print(`The authority of ${trustDomain}, in ${folder}`);
  await print(table(columns, rows));
  for (const { file, problem } of unreadable) await print(styled('red', `${file}: ${problem}`));
  if (nextStep !== undefined) {
    await print(
      `The authority is being rotated; next: meridian pki rotate --authority ${nextStep}`,
    );
  }
}

const fineState = ({ due, handedOut, file }: PkiStatus['certificates'][number]): string =>
  `${due ? 'due for renewal' : 'valid'}${handedOut ? `, in ${file}` : ''}`;

/** Enough of a fingerprint to distinguish certificates; --json has all of it. */
const shortened = (fingerprint: string): string => `${fingerprint.slice(0, 23)}…`;

function timeLeft(seconds: number): string {
  if (seconds <= 0) return 'expired';
  if (seconds >= 2 * 86_400) return `${Math.floor(seconds / 86_400)} d`;
  if (seconds >= 2 * 3_600) return `${Math.floor(seconds / 3_600)} h`;
  return `${Math.floor(seconds / 60)} min`;
}

const usage = (message: string) => new CommandFailure(ExitCode.usage, message);

function parseIdentityArgument(text: string, folder: PkiFolder): PathIdentity {
  const whole = parseIdentity(text);
  if (whole !== undefined) {
    const { trustDomain } = readAuthority(folder);
    if (whole.trustDomain === trustDomain) return whole;
    throw usage(`${text} is of another trust domain: the authority is that of ${trustDomain}`);
  }
  const path = parsePath(text);
  if (path !== undefined) return path;
  throw usage(
    `"${text}" is no identity: it must be ${identityForms}, of lower-case letters, digits, ` +
      'dots and hyphens',
  );
}

function parseTrustDomain(text: string): string {
  if (isTrustDomain(text)) return text;
  throw new InvalidArgumentError(
    'It must be a name of lower-case letters, digits, dots and hyphens, at most 63 of them.',
  );
}

function parseHost(text: string, before: readonly string[] = []): readonly string[] {
  const isName =
    /^(?=.{1,253}$)[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*$/iu;
  if (isIP(text) > 0 || isName.test(text)) return [...before, text];
  throw new InvalidArgumentError('It must be a DNS name or an IP address, without a port.');
}

function parseLife(text: string): number {
  const seconds = parseDuration(text);
  if (seconds >= LIFE_SECONDS.min && seconds <= LIFE_SECONDS.max) return seconds;
  throw new InvalidArgumentError('It must be from a minute to 366 days.');
}
