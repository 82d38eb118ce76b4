import { expect, test } from 'vitest';
import {
  ChangeAccountRequest,
  ChangeAccountResponse,
  OpenAccountRequest,
  OpenAccountResponse,
} from '../../proto/gen/meridian/v1/account.ts';
import {
  CreateTransferRequest,
  CreateTransferResponse,
} from '../../proto/gen/meridian/v1/transfer.ts';
import { changeAnswer, openAnswer, transferAnswer } from '../history/heard.ts';
import type { Operation } from '../history/operation.ts';
import { heardText } from './heard-words.ts';

const call = {
  index: 1,
  process: 1,
  router: 'eu-west',
  invokedNs: 1,
  completedNs: 2,
  heardNs: 2,
  type: 'ok',
  fault: null,
} as const;

const said = { replayed: true, resent: true };
const answers: readonly [string, (fields: object) => Operation][] = [
  [
    'a transfer',
    (fields) => ({
      ...call,
      f: 'transfer',
      value: CreateTransferRequest.fromPartial({}),
      reply: transferAnswer(CreateTransferResponse.fromPartial(fields)),
    }),
  ],
  [
    'a change',
    (fields) => ({
      ...call,
      f: 'change',
      value: ChangeAccountRequest.fromPartial({}),
      reply: changeAnswer(ChangeAccountResponse.fromPartial(fields)),
    }),
  ],
  [
    'an opening',
    (fields) => ({
      ...call,
      f: 'open',
      value: OpenAccountRequest.fromPartial({}),
      reply: openAnswer(OpenAccountResponse.fromPartial(fields)),
    }),
  ],
];

test.each(answers)('a replay that may be of the router itself: %s', (_, operationOf) => {
  const resent = operationOf(said);
  expect(resent.reply).toMatchObject(said);
  expect(heardText(resent)).toContain('replayed, sent more than once by the router');
  const sentOnce = operationOf({ replayed: true });
  expect(sentOnce.reply).not.toHaveProperty('resent');
  expect(heardText(sentOnce)).toContain('replayed');
  expect(heardText(sentOnce)).not.toContain('sent more than once');
});
