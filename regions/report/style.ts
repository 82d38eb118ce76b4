import { Html } from './html.ts';

/**
 * How the page looks, in light, dark and print. No information is in colour alone: results have a
 * sign and a word, curves differ in form, and colours that mean something differ in lightness.
 */
export const style = new Html(`<style>
:root {
  color-scheme: light dark;
  --paper: #ffffff; --card: #f6f8fa; --ink: #17202b; --soft: #566273; --line: #d5dbe3;
  --good: #146c3a; --good-paper: #e7f5ec; --bad: #b3211a; --bad-paper: #fcebea;
  --warn: #7d5200; --warn-paper: #fdf3dc;
  --answered: #86abda; --p50: #17468f; --p99: #a86400; --shade: rgba(179, 33, 26, 0.055);
}
@media screen and (prefers-color-scheme: dark) {
  :root {
    --paper: #12171e; --card: #1a212b; --ink: #e6ebf1; --soft: #9ba8b8; --line: #333e4c;
    --good: #6ed39a; --good-paper: #14301f; --bad: #ff8a80; --bad-paper: #3a1816;
    --warn: #f0be5c; --warn-paper: #352808;
    --answered: #41699f; --p50: #9cc4ff; --p99: #e0a44a; --shade: rgba(255, 138, 128, 0.09);
  }
}
* { box-sizing: border-box; }
body {
  margin: 0 auto; padding: 28px 24px 48px; max-width: 1120px; background: var(--paper);
  color: var(--ink); font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif;
}
h1 { margin: 0; font-size: 1.7rem; line-height: 1.2; }
h2 { margin: 36px 0 10px; font-size: 1.15rem; }
p { margin: 6px 0; max-width: 78ch; }
ul, ol { margin: 6px 0; padding-left: 22px; max-width: 78ch; }
code, .key { font: 0.86em ui-monospace, "SF Mono", Menlo, Consolas, monospace; overflow-wrap: anywhere; }
pre { margin: 8px 0; padding: 10px 14px; background: var(--card); border: 1px solid var(--line); border-radius: 6px; white-space: pre-wrap; }
.soft { color: var(--soft); }
.small { font-size: 0.87rem; }
.verdict { margin: 16px 0 18px; padding: 16px 20px; border-left: 8px solid; border-radius: 6px; }
.verdict strong { display: block; font-size: 1.35rem; line-height: 1.3; }
.verdict p, .verdict li { color: var(--ink); max-width: none; }
.pass { color: var(--good); }
.fail { color: var(--bad); }
.unknown, .aborted { color: var(--warn); }
.verdict.pass { background: var(--good-paper); border-color: var(--good); }
.verdict.fail { background: var(--bad-paper); border-color: var(--bad); }
.verdict.aborted { background: var(--warn-paper); border-color: var(--warn); }
.figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(190px, 1fr)); gap: 12px; margin: 16px 0 0; }
.figure { padding: 12px 14px; background: var(--card); border: 1px solid var(--line); border-radius: 6px; }
.figure dt { color: var(--soft); font-size: 0.87rem; }
.figure dd { margin: 0; }
.figure dd.value { font-size: 1.55rem; font-weight: 650; line-height: 1.3; font-variant-numeric: tabular-nums; }
.picture { margin: 10px 0 0; overflow-x: auto; }
.picture svg { display: block; width: 100%; min-width: 760px; height: auto; }
.scroll { overflow-x: auto; }
table { width: 100%; border-collapse: collapse; font-size: 0.92rem; }
th, td { padding: 6px 22px 6px 0; text-align: left; vertical-align: top; border-bottom: 1px solid var(--line); overflow-wrap: break-word; }
th { color: var(--soft); font-weight: 600; font-size: 0.85rem; border-bottom-color: var(--soft); }
.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
.result { font-weight: 650; white-space: nowrap; }
.facts { display: grid; grid-template-columns: max-content 1fr; gap: 2px 18px; margin: 8px 0; }
.facts dt { color: var(--soft); }
.facts dd { margin: 0; overflow-wrap: anywhere; }
@media print {
  @page { margin: 14mm; }
  body { padding: 0; max-width: none; font-size: 9.5pt; }
  .figures { grid-template-columns: repeat(5, 1fr); gap: 8px; }
  .figure { padding: 8px 10px; }
  .figure dd.value { font-size: 1.25rem; }
  * { -webkit-print-color-adjust: exact; print-color-adjust: exact; }
  h2 { break-after: avoid; }
  tr, .picture, .figure, .verdict, pre { break-inside: avoid; }
  .picture, .scroll { overflow: visible; }
  .picture svg { min-width: 0; }
}
</style>`);
