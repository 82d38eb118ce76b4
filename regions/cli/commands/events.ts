import type { Command } from 'commander';

import { Event, eventKindToJSON } from '../../../proto/gen/meridian/v1/event.ts';
import { placeOf } from '../../../router/client/event-subscription.ts';
import { idText } from './account-name.ts';
import {
  type CommandContext,
  type ConnectionOptions,
  parseMinor,
  routerCommand,
  withConnection,
} from '../connection.ts';
import { placeText, reasonText, wordsOf } from './outcome.ts';
import { note, print, printRaw, toJson } from '../../terminal/print.ts';
import { type ScopeOptions, scopeOf, withScopeOptions } from './scope.ts';
import { instantText } from '../values/instant.ts';
import { protoJson } from '../values/proto-json.ts';

/** A book whose leader fails is back long before. */
const TIMEOUT_SECONDS = 120;

interface EventsOptions extends ConnectionOptions, ScopeOptions {
  readonly after?: bigint;
  readonly follow?: boolean;
}

/** `meridian events` */
export function eventsCommand(context: CommandContext): Command {
  const examples = [
    'events --book eu-west-1 --follow',
    'events --account alice --after 17 --json > events.ndjson',
  ];
  const description = 'read the journal of a book, or what happened to an account, as a stream';
  return withScopeOptions(routerCommand('events', description, examples, TIMEOUT_SECONDS))
    .option(
      '--after <number>',
      'begin after this seq of the book, or version (default: from the first)',
      parseMinor,
    )
    .option('--follow', 'continue with new events until Ctrl-C')
    .addHelpText(
      'after',
      '\nWith --json each event is one line. The last line on stderr shows how to resume; a\n' +
        'connection that breaks is resumed automatically, for --timeout seconds.',
    )
    .action((options: EventsOptions) =>
      withConnection(options, context, async ({ client }) => {
        const of = await scopeOf(options, client);
        const historyOnly = options.follow !== true;
        let { after = 0n } = options;
        try {
          for await (const event of client.subscribe({ of, after, historyOnly })) {
            await (options.json ? printRaw(toJson(protoJson(Event, event))) : print(lineOf(event)));
            after = placeOf(event, of);
          }
        } catch (error) {
          if (after !== options.after) note(`resume with --after ${after}`);
          throw error;
        }
        note(`resume with --after ${after}`);
      }),
    );
}

/** One event on one line, for people. */
function lineOf(event: Event): string {
  const { position, kind, reason, debitAccountId, creditAccountId, amount, asset } = event;
  const accounts = debitAccountId || creditAccountId;
  const words = [
    position ? placeText(position) : '',
    instantText(event.at),
    wordsOf(eventKindToJSON(kind), 'EVENT_KIND_') +
      (reason === 0 ? '' : ` (${reasonText(reason)})`),
    amount > 0n ? `${amount} ${asset}`.trimEnd() : '',
    accounts ? `${idText(debitAccountId, '-')} > ${idText(creditAccountId, '-')}` : '',
    event.by === '' ? '' : `by ${event.by}`,
    event.reference,
    event.transferId,
  ];
  return words.filter((word) => word !== '').join('  ');
}
