/** Largest number of transfers or accounts in one call. */
export const CALL_ITEMS_MAX = 8000;

/** Largest number of transfers and legs of groups in one call. */
export const CALL_ROWS_MAX = 64_000;

/** Largest number of legs of one group, and of conditions of one transfer. */
export const GROUP_LEGS_MAX = 1000;
export const CONDITIONS_MAX = 8;

/** Largest number of assets that are registered in one book: a list of them fits one message. */
export const ASSETS_MAX = 65_536;

/** Largest number of books that a region may home. */
export const REGION_BOOKS_MAX = 1_000;

/** Largest number of tests of one filter. */
export const FILTER_TESTS_MAX = 64;

/** Lengths in characters (UTF-16 units), as the proto documents them. */
export const KEY_LENGTH_MAX = 128;
export const NAMESPACE_LENGTH_MAX = 64;
export const REFERENCE_LENGTH_MAX = 128;
export const EXTERNAL_ID_LENGTH_MAX = 128;
export const BY_LENGTH_MAX = 64;
export const WHY_LENGTH_MAX = 128;
export const METADATA_PAIRS_MAX = 16;
export const METADATA_NAME_LENGTH_MAX = 64;
export const METADATA_VALUE_LENGTH_MAX = 256;

/** Largest reply to a look-up of many, in bytes, as far as callers' own texts make it large. */
export const REPLY_BYTES_MAX = 16 * 1024 * 1024;

export const PAGE_SIZE_DEFAULT = 100;
export const PAGE_SIZE_MAX = 1000;

/**
 * Highest sum of debits or of credits that an ordinary posting may lead to, in minor units.
 * It is half of what 64 bits hold, so that money which comes back to its payer always fits:
 * what returns was debited before, hence credits + returns <= 2 * (2^62 - 1) < 2^63.
 */
export const TOTAL_MAX = 2n ** 62n - 1n;

export const INT64_MAX = 2n ** 63n - 1n;
export const INT64_MIN = -(2n ** 63n);

/** Bytes of a mebibyte, in which settings count memory. */
export const MIB = 1024 * 1024;
