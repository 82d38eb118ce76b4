import type {
  AccountRead,
  BookRead,
  ChangeReply,
  CallFailure,
  LookUpRead,
  OpenReply,
  Operation,
  PageRead,
  Position,
  StatementEntry,
  StatementRead,
  TransferReply,
} from '../history/operation.ts';
import { isOf } from './judged-run.ts';
import { firstOf, joined, positionText, SHOWN_OF_MANY } from './plain-words.ts';

/** The outcome that a client received. */
export function callText(operation: Operation): string {
  const { type, fault } = operation;
  if (type === 'ok') return replyText(operation);
  const outcome = type === 'fail' ? 'definitely not applied' : 'unknown';
  return `${outcome}: ${fault === null ? 'the run ended first' : faultText(fault)}`;
}

const faultText = ({ code, message }: CallFailure) => `${code} ${message}`.trim();

function replyText(operation: Operation): string {
  if (operation.reply === null) return 'nothing';
  if (isOf('transfers', operation) && operation.reply) return answerText(operation.reply);
  if (isOf('changes', operation) && operation.reply) return changedText(operation.reply);
  if (isOf('opens', operation) && operation.reply) return openedText(operation.reply);
  if (isOf('balances', operation) && operation.reply) {
    return firstOf(operation.reply.map(bookText), SHOWN_OF_MANY, 'books');
  }
  if (isOf('statements', operation) && operation.reply) return statementText(operation.reply);
  if (isOf('pages', operation) && operation.reply) return pageText(operation.reply);
  if (isOf('lookUps', operation) && operation.reply) return lookUpText(operation.reply);
  return '';
}

function changedText(answer: ChangeReply): string {
  const { reason, position } = answer;
  const outcome = reason === '' ? 'changed' : `refused, ${reason}`;
  return joined(outcome, replayText(answer), at(position));
}

function openedText(answer: OpenReply): string {
  const { accountId, position } = answer;
  const outcome = accountId === '' ? 'refused' : `account ${accountId}`;
  return joined(outcome, replayText(answer), at(position));
}

function statementText({ position, opening, closing, entries }: StatementRead): string {
  return joined(
    `${entries.length} entries`,
    `opening ${accountText(opening)}`,
    `closing ${accountText(closing)}`,
    at(position),
    firstOf(entries.map(entryText), SHOWN_OF_MANY, 'entries'),
  );
}

function pageText({ events }: PageRead): string {
  const [first, last] = [events[0], events.at(-1)];
  if (first === undefined || last === undefined) return 'no events';
  const texts = events.map(({ seq, transferId, amount }) => `seq ${seq} ${transferId} ${amount}`);
  const range = `${events.length} events, seq ${first.seq} to ${last.seq}`;
  return `${range}: ${firstOf(texts, SHOWN_OF_MANY, 'events')}`;
}

function lookUpText({ position, found }: LookUpRead): string {
  if (found === null) return joined('never seen', at(position));
  return joined(found.status, found.reason, `found ${at(found.position)}`, at(position));
}

function answerText(answer: TransferReply): string {
  const { status, reason, differingField, position, actualAmount, legs } = answer;
  return joined(
    status,
    reason,
    differingField === '' ? '' : `the ${differingField} differs`,
    replayText(answer),
    actualAmount === '0' ? '' : `amount ${actualAmount}`,
    at(position),
    firstOf(
      legs.map((leg) => `leg ${joined(leg.status, leg.reason)}`),
      SHOWN_OF_MANY,
      'legs',
    ),
  );
}

const replayText = ({ replayed, resent }: Pick<OpenReply, 'replayed' | 'resent'>) =>
  joined(replayed ? 'replayed' : '', resent === true ? 'sent more than once by the router' : '');
const at = (position: Position) => `at ${positionText(position)}`;

function bookText({ position, accounts }: BookRead): string {
  return `${at(position)}: ${firstOf(accounts.map(accountText), SHOWN_OF_MANY, 'accounts')}`;
}

function accountText(read: AccountRead): string {
  const { account, version, debits, credits, heldDebits, heldCredits } = read;
  const held =
    heldDebits === '0' && heldCredits === '0' ? '' : `, held ${heldDebits}/${heldCredits}`;
  return `${account} version ${version} debits ${debits} credits ${credits}${held}`;
}

function entryText({ version, seq, side, amount }: StatementEntry): string {
  return `version ${version} seq ${seq} ${side} ${amount}`;
}
