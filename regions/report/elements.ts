import { Html, html, nothing } from './html.ts';

/** Elements that several parts of the page share. */

/** A heading and what is below it; nothing if there is nothing. */
export function section(title: string, ...content: readonly Html[]): Html {
  if (content.every(({ text }) => text === '')) return nothing;
  return html`<section>
    <h2>${title}</h2>
    ${content}
  </section> `;
}

type Cell = Html | string | number;

/** A table; numbers are right-aligned. Without rows: nothing. */
export function table(
  columns: readonly (string | { readonly title: string; readonly number: true })[],
  rows: readonly (readonly Cell[])[],
): Html {
  if (rows.length === 0) return nothing;
  const classes = columns.map((column) =>
    typeof column === 'string' ? nothing : new Html(' class="number"'),
  );
  const titles = columns.map((column) => (typeof column === 'string' ? column : column.title));
  return html`<div class="scroll">
    <table>
      <thead>
        <tr>
          ${titles.map((title, at) => html`<th scope="col" ${classes[at] ?? nothing}>${title}</th>`)}
        </tr>
      </thead>
      <tbody>
        ${rows.map(
          (row) =>
            html`<tr>
              ${row.map((cell, at) => html`<td${classes[at] ?? nothing}>${cell}</td>`)}
            </tr> `,
        )}
      </tbody>
    </table>
  </div>`;
}

/** Points of a list; nothing without any. */
export function list(points: readonly (Html | string)[], ordered = false): Html {
  if (points.length === 0) return nothing;
  const items = points.map((point) => html`<li>${point}</li> `);
  return ordered
    ? html`<ol>
        ${items}
      </ol>`
    : html`<ul>
        ${items}
      </ul>`;
}

/** Names with their values. */
export function facts(pairs: readonly (readonly [name: string, value: Html | string])[]): Html {
  return html`<dl class="facts">
    ${pairs.map(
      ([name, value]) =>
        html`<dt>${name}</dt>
          <dd>${value}</dd> `,
    )}
  </dl>`;
}

const resultTexts = { pass: '✓ pass', fail: '✗ fail', unknown: '? unknown' } as const;

/** With a sign and a word, for readers who cannot distinguish the colours. */
export function resultMark(result: keyof typeof resultTexts): Html {
  return html`<span class="result ${result}">${resultTexts[result]}</span>`;
}
