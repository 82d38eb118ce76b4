import { section, table } from '../../../regions/report/elements.ts';
import { type Html, html, nothing } from '../../../regions/report/html.ts';
import { countOf, durationText } from '../../../regions/report/quantities.ts';
import type { RunHistory } from '../history/read-history.ts';
import { secondsText } from './plain-words.ts';
import { timelinePicture } from './timeline-picture.ts';

const number = (title: string) => ({ title, number: true }) as const;

/** The picture, and its content as tables for readers without the picture. */
export function timeline(history: RunHistory): Html {
  const { svg, binSeconds } = timelinePicture(history);
  return section(
    'Timeline',
    html`<figure class="picture">${svg}</figure>
      <p class="small soft">
        Each value stands for ${durationText(binSeconds * 1_000)}, by when calls ended and the
        region of the router that was asked. Faults are bars by what they hit, and shades below.
        Leaders are named with their epoch. A gap in a curve: nothing was answered.
      </p>`,
    faultTable(history),
    epochTable(history),
  );
}

function faultTable({ faults }: RunHistory): Html {
  return folded(
    countOf(faults.length, 'fault'),
    table(
      [number('from'), number('to'), 'nemesis', 'on'],
      faults.map(({ what, targets, startedNs, endedNs }) => [
        secondsText(startedNs),
        secondsText(endedNs),
        what,
        targets.join(', '),
      ]),
    ),
  );
}

function epochTable({ epochs, header }: RunHistory): Html {
  const names = new Map(header.books.map(({ number: book, name }) => [book, name]));
  return folded(
    countOf(epochs.length, 'epoch'),
    table(
      [number('seen at'), 'book', number('epoch'), 'leader'],
      epochs.map(({ book, epoch, region, ns }) => [
        secondsText(ns),
        names.get(book) ?? `book ${book}`,
        epoch,
        region,
      ]),
    ),
  );
}

function folded(title: string, content: Html): Html {
  if (content.text === '') return nothing;
  return html`<details>
    <summary>${title}</summary>
    ${content}
  </details>`;
}
