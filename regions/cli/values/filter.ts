import { InvalidArgumentError } from 'commander';

import { isTransferId, transferIdOf } from '../../../ledger/core/transfer-id.ts';
import type { Timestamp } from '../../../proto/gen/google/protobuf/timestamp.ts';
import type { Filter } from '../../../proto/gen/meridian/v1/query.ts';
import { TransferStatus } from '../../../proto/gen/meridian/v1/transfer.ts';

/** The terms of a search: OR within one kind, AND between kinds. */
export interface SearchTerms {
  readonly code?: readonly number[];
  readonly reference?: readonly string[];
  readonly metadata?: readonly MetadataTerm[];
  readonly status?: readonly TransferStatus[];
  readonly hold?: readonly string[];
  readonly reversalsOf?: readonly string[];
  readonly from?: Timestamp;
  readonly to?: Timestamp;
  /** A whole tree, which must pass as well. */
  readonly filter?: Filter;
}

interface MetadataTerm {
  readonly name: string;
  /** Undefined: any. */
  readonly value: string | undefined;
}

type Test = Exclude<Filter['test'], undefined>;

const filterOf = (test: Test): Filter => ({ test });

/** The terms as one filter; undefined when there are none. */
export function filterOfTerms(terms: SearchTerms): Filter | undefined {
  const { code = [], reference = [], metadata = [], status = [], from, to } = terms;
  const { hold = [], reversalsOf = [] } = terms;
  const kinds: Filter[][] = [
    code.map((value) => filterOf({ $case: 'code', value })),
    reference.map((value) => filterOf({ $case: 'reference', value })),
    metadata.map((value) => filterOf({ $case: 'metadata', value })),
    status.map((value) => filterOf({ $case: 'status', value })),
    hold.map((value) => filterOf({ $case: 'holdId', value })),
    reversalsOf.map((value) => filterOf({ $case: 'reversalOf', value })),
    from || to ? [filterOf({ $case: 'time', value: { from, to } })] : [],
    terms.filter ? [terms.filter] : [],
  ];
  const asked = kinds.flatMap((tests) => joined('anyOf', tests) ?? []);
  return joined('allOf', asked);
}

function joined($case: 'allOf' | 'anyOf', filters: Filter[]): Filter | undefined {
  return filters.length > 1 ? filterOf({ $case, value: { filters } }) : filters[0];
}

/** A transfer by its id, or by its key without a namespace. */
export function parseTransferId(text: string): string {
  return isTransferId(text) ? text : transferIdOf('', text);
}

/** NAME or NAME=VALUE. */
export function parseMetadataTerm(text: string): MetadataTerm {
  const [, name = '', value] = /^([^=]+)(?:=(.*))?$/su.exec(text) ?? [];
  if (name !== '') return { name, value };
  throw new InvalidArgumentError('It must be NAME or NAME=VALUE.');
}

/** A status as people write it, such as "in-transit", or as the proto does. */
export function parseStatus(text: string): TransferStatus {
  const name = text.toUpperCase().replaceAll('-', '_').replace('TRANSFER_STATUS_', '');
  const status = STATUSES.get(name);
  if (status !== undefined) return status;
  const names = [...STATUSES.keys()].map((each) => each.toLowerCase().replaceAll('_', '-'));
  throw new InvalidArgumentError(`It must be one of ${names.join(', ')}.`);
}

const STATUSES: ReadonlyMap<string, TransferStatus> = new Map(
  Object.entries(TransferStatus).filter(([, value]) => value > 0),
);
