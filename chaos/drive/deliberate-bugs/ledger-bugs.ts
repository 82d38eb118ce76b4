import type { DeliberateBug } from './deliberate-bug.ts';

export const ledgerBugs: readonly DeliberateBug[] = [
  {
    name: 'drop-a-leg',
    description: 'The payer is debited, and the payee gets a new version without the money.',
    file: 'ledger/core/post/batch.ts',
    text: 'credit.credits += amount;',
    replacement: '',
    invariants: ['I1'],
    profile: 'embedded',
    workloads: ['bank'],
    nemeses: [],
  },
  {
    name: 'drop-last-leg-of-a-group',
    description: 'A group is applied without its last leg.',
    file: 'ledger/core/post/post-group.ts',
    text: 'for (const [index, single] of singles.entries()) {',
    replacement: 'for (const [index, single] of singles.slice(0, -1).entries()) {',
    invariants: ['I17'],
    profile: 'embedded',
    workloads: ['groups'],
    nemeses: [],
  },
  {
    name: 'acknowledge-before-commit',
    description: 'The leader answers as soon as it has sent a batch to its database.',
    file: 'ledger/leader/commit.ts',
    text: 'return await whileHeldUp(store.append(batch), onHeldUp);',
    replacement: 'store.append(batch).catch(() => undefined); return true;',
    invariants: ['I4'],
    profile: 'embedded',
    workloads: ['bank', 'set'],
    nemeses: ['kill-postgres'],
  },
  {
    name: 'lose-last-batch',
    description:
      'Commits do not wait for the disk: the next leader after a crash lacks the last batches.',
    file: 'ledger/store/postgres/connect.ts',
    text: "application_name: 'meridian',",
    replacement: "synchronous_commit: 'off', application_name: 'meridian',",
    invariants: ['I4'],
    profile: 'embedded',
    workloads: ['bank', 'set'],
    nemeses: ['kill-postgres'],
  },
  {
    name: 'skip-head-compare',
    description: 'A batch is appended at the current head, whichever server leads.',
    file: 'ledger/store/postgres/append.ts',
    text: 'const { head } = batch;',
    replacement: `const { decodeRow, PLAIN_ROW_BYTES } = {
    ...(await import('../../core/decode-rows.ts')),
    ...(await import('../../core/row-bytes.ts')),
  };
  const [now] = await sql.unsafe('SELECT epoch, seq FROM head');
  const [seqBefore, epochBefore] = [Number(now.seq), Number(now.epoch)];
  const { bytes = Buffer.alloc(0) } = batch.plain ?? {};
  const plain = Array.from({ length: bytes.length / PLAIN_ROW_BYTES }, (_, index) =>
    decodeRow(bytes, index * PLAIN_ROW_BYTES).row);
  const rows = [...plain, ...batch.rows].map((row, index) =>
    ({ ...row, epoch: epochBefore, seq: seqBefore + index + 1 }));
  const head = { ...batch.head, epochBefore, seqBefore, seqAfter: seqBefore + rows.length };
  batch = { ...batch, head, plain: null, rows, rowBytes: undefined };`,
    invariants: ['I11', 'I14'],
    profile: 'embedded',
    workloads: ['bank-across', 'set'],
    nemeses: ['pause-leader'],
  },
  {
    name: 'exists-before-barrier',
    description: 'A leader answers known keys before its take-over is committed.',
    file: 'ledger/member/leadership.ts',
    text: `const taking = takeOver(store, head, address, nowMicros(), regionBooksOf(books, book.region));
    const taken = await whileHeldUp(taking, this.#onHeldUp);
    if (taken === undefined) return 'another server took the book over';
    this.#epoch = taken.epoch;
    this.#parts.onChange();
    if (partitions) await completePartitions(partitions, log);
    const memory = await BookMemory.load(store, book, books, taken);`,
    replacement: `const { takeOverBatch } = await import('../store/take-over-batch.ts');
    const { batch, taken } = takeOverBatch(head, address, nowMicros());
    this.#parts.reads.append(batch).catch(() => undefined);
    const memory = await BookMemory.load(store, book, books, taken);`,
    invariants: ['I4', 'I6'],
    profile: 'replicated',
    workloads: ['same-key'],
    nemeses: ['sync-wait-trap'],
  },
  {
    name: 'trust-redis-alone',
    description: 'A key that Redis has is answered as posted, without reading the journal.',
    file: 'ledger/leader/known-outcomes.ts',
    text: 'if (recent !== undefined && this.#answers(recent, request)) {',
    replacement: `const lies = recent === undefined && (await this.#keys?.known([id]))?.has(id);
      if (lies) {
        const made = { fingerprint: '', reason: 0, epoch: 1, seq: 1, atMicros: 1, partial: false };
        found[index] = this.#answerFrom(id, made as KnownKey);
      } else if (recent !== undefined && this.#answers(recent, request)) {`,
    invariants: ['I4', 'I6'],
    profile: 'embedded',
    workloads: ['same-key'],
    nemeses: ['redis-lies'],
  },
  {
    name: 'ignore-changed-body',
    description: 'A known key is answered whatever the body of the request.',
    file: 'ledger/leader/known-outcomes.ts',
    text: 'return !known.partial && known.fingerprint === fingerprintOf(request);',
    replacement: 'return !known.partial;',
    invariants: ['I6'],
    profile: 'embedded',
    workloads: ['same-key'],
    nemeses: [],
  },
  {
    name: 'refund-on-timeout',
    description: 'Legs without an answer of the other book are returned to their payers.',
    file: 'ledger/settlement/sender.ts',
    text: `client.settle(request, new Metadata(), deadline, callback),
    );`,
    replacement: `client.settle(request, new Metadata(), deadline, callback),
    ).catch(() => {
      const { firstNumber, legs } = request;
      const refusals = legs.map((_, at) => ({ number: firstNumber + BigInt(at), reason: 17 }));
      const appliedThrough = firstNumber + BigInt(legs.length) - 1n;
      return { appliedThrough, refusals, appliedHash: Buffer.alloc(0) };
    });`,
    invariants: ['I2', 'I3'],
    profile: 'embedded',
    workloads: ['bank-across'],
    nemeses: ['settlement-kill'],
  },
  {
    name: 'apply-channel-twice',
    description: 'Legs that arrive again are applied again, under new numbers.',
    file: 'ledger/service/settle.ts',
    text: 'const fresh = legs.slice(skip);',
    replacement: `const fresh = legs.map((leg, index) =>
    index < skip ? { ...leg, transferId: crypto.randomUUID() } : leg,
  );`,
    invariants: ['I2', 'I3'],
    profile: 'embedded',
    workloads: ['bank-across'],
    nemeses: ['channel-replay'],
  },
  {
    name: 'expire-early',
    description: 'A hold counts as expired 1.5 s before its time is up.',
    file: 'ledger/core/post/post-hold.ts',
    text: 'return expiresAtMicros !== null && atMicros >= expiresAtMicros;',
    replacement: 'return expiresAtMicros !== null && atMicros + 1_500_000 >= expiresAtMicros;',
    invariants: ['I10', 'I21'],
    profile: 'embedded',
    workloads: ['holds'],
    nemeses: [],
  },
  {
    name: 'ignore-limit-in-group',
    description: 'A leg of a group may take an account below its lower limit.',
    file: 'ledger/core/post/post-group.ts',
    text: 'const outcome = postSingle(batch, { ...single, left: runs.leftFor(index) });',
    replacement: `const payer = batch.account(single.request.debitAccountId) ?? {};
      const { minBalance } = payer;
      payer.minBalance = null;
      const outcome = postSingle(batch, { ...single, left: runs.leftFor(index) });
      payer.minBalance = minBalance;`,
    invariants: ['I9'],
    profile: 'embedded',
    workloads: ['groups'],
    nemeses: [],
  },
  {
    name: 'ignore-limit-in-plain-lane',
    description: 'The plain lane takes an account below its lower limit.',
    file: 'ledger/leader/account-cache.ts',
    text: 'if ((debitFlags & MIN) !== 0 && !this.#staysAbove(debit, high, low)) return false;',
    replacement: '',
    invariants: ['I9'],
    profile: 'embedded',
    workloads: ['bank'],
    nemeses: [],
  },
  {
    name: 'read-without-position',
    description: 'A copy answers at once, ignoring the minimum position.',
    file: 'ledger/service/proven-reads.ts',
    text: 'if (position.seq >= asked) return position;',
    replacement: 'return position;',
    invariants: ['I12'],
    profile: 'replicated',
    workloads: ['session'],
    nemeses: ['paused-replay'],
  },
  {
    name: 'break-the-chain',
    description: 'The chain value of a batch omits the previous one.',
    file: 'ledger/core/chain.ts',
    text: "createHash('sha256').update(before);",
    replacement: "createHash('sha256').update(CHAIN_START);",
    invariants: ['I11'],
    profile: 'embedded',
    workloads: ['bank'],
    nemeses: [],
  },
  {
    name: 'leave-out-events',
    description: 'Subscribers do not receive arrivals from other books.',
    file: 'ledger/service/subscription.ts',
    text: 'this.#stream.write({ events }, () => {',
    replacement: 'this.#stream.write({ events: events.filter(({ kind }) => kind !== 2) }, () => {',
    invariants: ['I20'],
    profile: 'embedded',
    workloads: ['feed'],
    nemeses: [],
  },
  {
    name: 'blind-to-a-diverged-channel',
    description: 'No book records that the two ends of a channel have different legs.',
    file: 'ledger/core/post/post-recovery.ts',
    text: 'batch.channel(peerBook).diverged = divergence;',
    replacement: '',
    invariants: ['I4', 'I23'],
    profile: 'embedded',
    workloads: ['bank', 'bank-across'],
    nemeses: ['restored-book'],
  },
];
