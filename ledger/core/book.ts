/** A book as the configuration of a server names it. */
export interface Book {
  /** 1..32767, permanent: the top 16 bits of the ids of its accounts. */
  readonly number: number;
  /** Such as eu-west-1; unique. */
  readonly name: string;
  /** The region that homes it. */
  readonly region: string;
}
