import type { Scale } from './scale.ts';

/** Combinations of settings that cannot work, although each value is within its bounds. */

/** What a rule reads. */
export interface Combined {
  /** The value of a number setting by its key. */
  readonly of: (key: string) => number;
  /** Undefined: a server checks its own settings, and does not know what shares its machine. */
  readonly scale: Scale | undefined;
}

interface Rule {
  /** The settings of which at least one has to change. */
  readonly keys: readonly string[];
  /** Why they cannot be combined; undefined: they can. */
  readonly objection: (combined: Combined) => string | undefined;
}

/** Encoded size of a transfer or leg with the longest texts that the protocol allows, in KiB. */
const LARGEST_ROW_KIB = 16;

/** A decided key in memory with its fingerprint and outcome, in KiB. */
const RECENT_KEY_KIB = 0.3;

/** An event of the journal in memory, in KiB. */
const EVENT_KIB = 1;

/** Connections of a ledger server apart from those it has settings for. */
const OTHER_CONNECTIONS = 6;

/**
 * max_connections of the replicated profile. Patroni keeps it where all members of a book read it,
 * and it may not be smaller at a standby than at the primary: it is no setting of one machine.
 */
export const REPLICATED_CONNECTIONS = 60;

/** Connections of auditors, who have 20, of operators, and those that Postgres keeps for itself. */
const OTHERS = 25;

/** Milliseconds that a server needs to close its connections. */
const CLOSING_MS = 2_000;

/** A rule that the first setting is at most the second. */
function atMost(smaller: string, larger: string, why: string): Rule {
  return {
    keys: [smaller, larger],
    objection: ({ of }) =>
      of(smaller) <= of(larger)
        ? undefined
        : `${smaller} (${of(smaller)}) must be at most ${larger} (${of(larger)}): ${why}`,
  };
}

/** A rule that the heap of a server holds what it admits. */
function fitsHeap(size: string, heap: string): Rule {
  return {
    keys: [size, heap],
    objection: ({ of }) =>
      4 * of(size) <= of(heap)
        ? undefined
        : `${size} (${of(size)}) must be at most a quarter of ${heap} (${of(heap)}): requests ` +
          'take several times their encoded size in memory',
  };
}

/** A rule that a server can stop in order in the time that it has. */
function stopsInTime(...parts: readonly string[]): Rule {
  return {
    keys: [...parts, 'supervisor.stopSeconds'],
    objection: ({ of }) => {
      const needed = parts.reduce((sum, key) => sum + of(key), CLOSING_MS);
      const allowed = of('supervisor.stopSeconds') * 1_000;
      if (needed <= allowed) return undefined;
      return (
        `${parts.join(' + ')} + ${CLOSING_MS} ms are ${needed} ms, more than ` +
        `supervisor.stopSeconds (${allowed / 1_000}): the server would be killed while it stops`
      );
    },
  };
}

const ofMessages = (server: string): Rule[] => [
  atMost(`${server}.messageMib`, `${server}.connectionMib`, 'no such message could be received'),
  atMost(`${server}.connectionMib`, `${server}.totalMib`, 'one connection is part of all'),
];

export const rules: readonly Rule[] = [
  ...ofMessages('ledger'),
  ...ofMessages('router'),
  atMost('router.largeBatchRows', 'router.batchRows', 'no batch would be a large one'),
  atMost('router.batchRows', 'router.inFlightRows', 'a batch is on its way as a whole'),
  atMost('router.inFlightRows', 'ledger.queueItems', 'the ledger server would refuse them'),
  atMost('router.defaultDeadlineMs', 'router.longestDeadlineMs', 'it would never be reached'),
  fitsHeap('ledger.queueMib', 'supervisor.ledgerHeapMib'),
  fitsHeap('router.callsMib', 'supervisor.routerHeapMib'),
  stopsInTime('ledger.finishMs', 'ledger.drainMs'),
  stopsInTime('router.drainMs'),
  {
    keys: ['ledger.longReads', 'ledger.readConnections'],
    objection: ({ of }) =>
      of('ledger.longReads') < of('ledger.readConnections')
        ? undefined
        : `ledger.longReads (${of('ledger.longReads')}) must be less than ledger.readConnections ` +
          `(${of('ledger.readConnections')}): searches would keep look-ups and settlements waiting`,
  },
  {
    keys: ['router.batchRows', 'ledger.messageMib'],
    objection: ({ of }) =>
      of('router.batchRows') * LARGEST_ROW_KIB <= of('ledger.messageMib') * 1_024
        ? undefined
        : `router.batchRows (${of('router.batchRows')}) of up to ${LARGEST_ROW_KIB} KiB each do ` +
          `not fit ledger.messageMib (${of('ledger.messageMib')}): such a batch could never be sent`,
  },
  {
    keys: ['ledger.recentKeys', 'ledger.batchItems'],
    objection: ({ of }) =>
      of('ledger.recentKeys') >= 4 * of('ledger.batchItems')
        ? undefined
        : `ledger.recentKeys (${of('ledger.recentKeys')}) must be at least four times ` +
          `ledger.batchItems (${of('ledger.batchItems')}): keys would be forgotten before Redis ` +
          'knows them, and every retry would be looked up in the journal',
  },
  {
    keys: ['ledger.recentKeys', 'supervisor.ledgerHeapMib'],
    objection: ({ of }) =>
      2 * of('ledger.recentKeys') * RECENT_KEY_KIB <= (of('supervisor.ledgerHeapMib') * 1_024) / 3
        ? undefined
        : `ledger.recentKeys (${of('ledger.recentKeys')}), kept twice, would take more than a third ` +
          `of supervisor.ledgerHeapMib (${of('supervisor.ledgerHeapMib')})`,
  },
  {
    keys: ['ledger.subscriptions', 'ledger.subscriptionRows', 'supervisor.ledgerHeapMib'],
    objection: ({ of }) =>
      of('ledger.subscriptions') * of('ledger.subscriptionRows') * EVENT_KIB <=
      (of('supervisor.ledgerHeapMib') * 1_024) / 2
        ? undefined
        : `ledger.subscriptions (${of('ledger.subscriptions')}) that each keep ` +
          `ledger.subscriptionRows (${of('ledger.subscriptionRows')}) would take more than half ` +
          `of supervisor.ledgerHeapMib (${of('supervisor.ledgerHeapMib')})`,
  },
  {
    keys: [
      'ledger.readConnections',
      'ledger.subscriptionConnections',
      'supervisor.postgresConnections',
    ],
    objection: ({ of, scale }) => {
      if (scale === undefined) return undefined;
      const each =
        of('ledger.readConnections') + of('ledger.subscriptionConnections') + OTHER_CONNECTIONS;
      const isReplicated = scale.profile === 'replicated';
      // There every book has a Postgres of its own.
      const needed = OTHERS + each * (isReplicated ? 1 : scale.booksOfRegion);
      const allowed = isReplicated ? REPLICATED_CONNECTIONS : of('supervisor.postgresConnections');
      if (needed <= allowed) return undefined;
      return (
        `a Postgres has ${allowed} connections and needs ${needed}: ${OTHERS} for auditors and ` +
        `operators, and for each ledger server ledger.readConnections + ` +
        `ledger.subscriptionConnections + ${OTHER_CONNECTIONS}` +
        (isReplicated ? '' : ' (supervisor.postgresConnections allows more)')
      );
    },
  },
  {
    keys: ['supervisor.postgresBuffersMib'],
    objection: ({ of, scale }) => {
      if (scale === undefined) return undefined;
      const { databases, memoryMib } = scale;
      const each = of('supervisor.postgresBuffersMib');
      // A machine too small for the least value is not an error of the setting.
      if (each <= 32 || each * databases <= memoryMib / 2) return undefined;
      return (
        `supervisor.postgresBuffersMib (${each}) times ${databases} databases must be at most half ` +
        `of the memory here (${memoryMib} MiB): the system would end a database that uses it`
      );
    },
  },
];
