import { Html, html } from './html.ts';
import { style } from './style.ts';

/** The parts of a page. */
export interface DocumentParts {
  /** Of the window. */
  readonly title: string;
  readonly heading: string;
  /** The line below the heading. */
  readonly under: string;
  /** What the page needs in addition to the common style. */
  readonly style?: Html;
  readonly main: Html;
}

/** A self-contained HTML page: no script, no network. */
export function documentText(parts: DocumentParts): string {
  const page = html`${new Html('<!doctype html>')}
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta
          http-equiv="Content-Security-Policy"
          content="default-src 'none'; style-src 'unsafe-inline'"
        />
        <title>${parts.title}</title>
        ${style} ${parts.style ?? ''}
      </head>
      <body>
        <header>
          <h1>${parts.heading}</h1>
          <p class="soft">${parts.under}</p>
        </header>
        <main>${parts.main}</main>
      </body>
    </html> `;
  return page.text;
}
