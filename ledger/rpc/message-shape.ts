import { type DescField, type DescMessage, ScalarType } from '@bufbuild/protobuf';
import * as limits from '../core/limits.ts';
import { LOOK_UPS_MAX } from '../core/validate/validate-reads.ts';
import { descriptors } from './descriptors.ts';

/**
 * Of a list inside an item. A few too many pass, and are refused when the item is validated: then a
 * stream goes on, and only that item is answered with a fault.
 */
const inItem = (most: number): number => most * 4;

/**
 * How many items each list of a request may have, by the full name of its field. Validation
 * checks the same again with its own words; these bounds come before anything is decoded.
 */
export const ITEMS_MAX: Readonly<Record<string, number>> = {
  'meridian.v1.OpenAccountsRequest.accounts': limits.CALL_ITEMS_MAX,
  'meridian.v1.OpenAccountRequest.metadata': inItem(limits.METADATA_PAIRS_MAX),
  'meridian.v1.GetAccountsRequest.ids': limits.CALL_ITEMS_MAX,
  'meridian.v1.Metadata.metadata': inItem(limits.METADATA_PAIRS_MAX),
  'meridian.v1.CreateTransfersRequest.transfers': limits.CALL_ITEMS_MAX,
  'meridian.v1.CreateTransferRequest.metadata': inItem(limits.METADATA_PAIRS_MAX),
  'meridian.v1.Group.legs': inItem(limits.GROUP_LEGS_MAX),
  'meridian.v1.Leg.metadata': inItem(limits.METADATA_PAIRS_MAX),
  'meridian.v1.Conditions.all_of': inItem(limits.CONDITIONS_MAX),
  'meridian.v1.GetTransfersRequest.transfers': LOOK_UPS_MAX,
  'meridian.v1.Filters.filters': limits.FILTER_TESTS_MAX,
  'meridian.internal.v1.PlaceAccountsRequest.accounts': limits.CALL_ITEMS_MAX,
  'meridian.internal.v1.PlaceAccountsRequest.region_books': limits.REGION_BOOKS_MAX,
  'meridian.internal.v1.LocateAccountRequest.region_books': limits.REGION_BOOKS_MAX,
  'meridian.internal.v1.PostRequest.transfers': limits.CALL_ITEMS_MAX,
  'meridian.internal.v1.PostRequest.timeout_ms': limits.CALL_ITEMS_MAX,
  'meridian.internal.v1.SettleRequest.legs': limits.CALL_ITEMS_MAX,
  'meridian.internal.v1.SettleRequest.captures': limits.CALL_ITEMS_MAX,
  'meridian.internal.v1.SettleLeg.metadata': inItem(limits.METADATA_PAIRS_MAX),
  'meridian.internal.v1.DryRunLegsRequest.legs': limits.CALL_ITEMS_MAX,
};

/** Bound of a list that is not named above; a test ensures that there is none. */
const OTHER_ITEMS_MAX = 1_000;

/** How the items of a list of numbers stand in one block of bytes: no block, or bytes of each. */
export type Packed = 'never' | 'varint' | 4 | 8;

/** A field of a message, as far as its bytes can be checked before they are decoded. */
export interface FieldShape {
  readonly name: string;
  /** Of a message or a pair of a map; undefined: of numbers, text or bytes. */
  readonly message: MessageShape | undefined;
  /** Which of its message's lists it is; -1: it is no list. */
  readonly list: number;
  /** Items that the list may have. */
  readonly itemsMax: number;
  readonly packed: Packed;
}

export interface MessageShape {
  /** By number; those in between are undefined. */
  readonly fields: readonly (FieldShape | undefined)[];
  /** How many of the fields are lists. */
  readonly lists: number;
}

const TEXT: FieldShape = {
  name: '',
  message: undefined,
  list: -1,
  itemsMax: 0,
  packed: 'never',
};
/** A pair of a map of texts. */
const PAIR: MessageShape = {
  fields: [undefined, { ...TEXT, name: 'key' }, { ...TEXT, name: 'value' }],
  lists: 0,
};

const shapes = new Map<string, MessageShape>();

/** The shape of a message by its full name. */
export function shapeOf(name: string): MessageShape {
  const message = descriptors.getMessage(name);
  if (message === undefined) throw new Error(`there is no message ${name}`);
  return shapeOfMessage(message);
}

/** The shape of what a method takes, by its path, such as /meridian.v1.LedgerService/GetAccount. */
export function requestShape(path: string): MessageShape {
  const [, service = '', name = ''] = path.split('/');
  const methods = descriptors.getService(service)?.methods ?? [];
  const method = methods.find((each) => each.name === name);
  if (method === undefined) throw new Error(`there is no method ${path}`);
  return shapeOfMessage(method.input);
}

function shapeOfMessage(message: DescMessage): MessageShape {
  const known = shapes.get(message.typeName);
  if (known !== undefined) return known;
  const fields: (FieldShape | undefined)[] = [];
  const shape = { fields, lists: 0 };
  // A filter has filters: it is known before its fields are.
  shapes.set(message.typeName, shape);
  for (const field of message.fields) {
    const isList = field.fieldKind === 'list' || field.fieldKind === 'map';
    while (fields.length < field.number) fields.push(undefined);
    fields[field.number] = {
      name: field.name,
      message: field.fieldKind === 'map' ? PAIR : field.message && shapeOfMessage(field.message),
      list: isList ? shape.lists : -1,
      itemsMax: ITEMS_MAX[`${message.typeName}.${field.name}`] ?? OTHER_ITEMS_MAX,
      packed: packedOf(field),
    };
    if (isList) shape.lists += 1;
  }
  return shape;
}

function packedOf(field: DescField): Packed {
  if (field.fieldKind !== 'list' || field.listKind === 'message') return 'never';
  // Those of an enum are numbers like others.
  return FIXED.get(field.scalar ?? ScalarType.INT32) ?? 'varint';
}

/** How items stand that are not numbers of any length. */
const FIXED: ReadonlyMap<ScalarType, Packed> = new Map<ScalarType, Packed>([
  [ScalarType.STRING, 'never'],
  [ScalarType.BYTES, 'never'],
  [ScalarType.FIXED32, 4],
  [ScalarType.SFIXED32, 4],
  [ScalarType.FLOAT, 4],
  [ScalarType.FIXED64, 8],
  [ScalarType.SFIXED64, 8],
  [ScalarType.DOUBLE, 8],
]);
