import { ISO_4217, namedAsset, SCALE_MAX } from '../core/asset.ts';
import type { JournalRow } from '../core/journal-row.ts';
import type { Findings, Find } from './findings.ts';

/** An asset as the book's asset table has it. */
export interface AssetRow {
  readonly asset: string;
  readonly scale: number;
  readonly registeredSeq: number;
}

/** Follows which assets are registered, with what scale. */
export class AssetRegistry {
  /** Accounts opened with an unregistered asset, while that was still possible. */
  unregistered = 0;
  readonly #registered = new Map<string, AssetRow>();
  readonly #completeSinceMicros: number;
  readonly #find: Find;

  /** @param completeSinceMicros accounts opened before may have unregistered assets */
  constructor(completeSinceMicros: number, find: Find) {
    this.#completeSinceMicros = completeSinceMicros;
    this.#find = find;
  }

  /** Takes the row of a registration. */
  registered(row: JournalRow): void {
    const { asset, seq, details, reference } = row;
    const text = /^\{"scale":(\d{1,2})\}$/u.exec(details?.options ?? '')?.[1];
    const scale = text === undefined ? -1 : Number(text);
    if (scale < 0 || scale > SCALE_MAX) this.#find('I6', row, `${asset} has no scale`);
    if (this.#registered.has(asset)) this.#find('I6', row, `${asset} is registered twice`);
    else this.#registered.set(asset, { asset, scale, registeredSeq: seq });
    if ((details?.by ?? '') === '' || reference === '') {
      this.#find('I6', row, `does not state who registered ${asset}, and why`);
    }
  }

  /** Takes the row that opens an account of a caller. */
  opened(row: JournalRow): void {
    this.named(row);
    if (this.#scaleOf(namedAsset(row.asset).code) !== undefined) return;
    if (row.atMicros < this.#completeSinceMicros) this.unregistered += 1;
    else this.#find('I6', row, `${row.key} is an account of ${row.asset}, which is not registered`);
  }

  /** Takes an applied row that may name the scale of its asset. */
  named(row: JournalRow): void {
    const { code, scale } = namedAsset(row.asset);
    if (scale === undefined || scale === this.#scaleOf(code)) return;
    this.#find('I6', row, `names ${row.asset}, whose scale is ${this.#scaleOf(code)}`);
  }

  /** To be called after the last row, with the book's table of assets. */
  end(table: readonly AssetRow[], place: string, findings: Findings): void {
    const found = new Map(table.map((row) => [row.asset, row]));
    for (const asset of new Set([...found.keys(), ...this.#registered.keys()])) {
      const row = found.get(asset);
      const wanted = this.#registered.get(asset);
      if (row?.scale === wanted?.scale && row?.registeredSeq === wanted?.registeredSeq) continue;
      const text = `asset ${asset} is not in the table as it was registered`;
      findings.add('I18', place, wanted?.registeredSeq ?? 0, text);
    }
  }

  #scaleOf(code: string): number | undefined {
    return this.#registered.get(code)?.scale ?? ISO_4217.get(code);
  }
}
