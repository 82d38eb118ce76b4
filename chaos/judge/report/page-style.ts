import { Html } from '../../../regions/report/html.ts';

/** Style of the page of a run, in addition to that of all reports. */
export const pageStyle = new Html(`<style>
:root { --led: #c9d6e6; }
@media screen and (prefers-color-scheme: dark) { :root { --led: #33455e; } }
.verdict.unknown { background: var(--warn-paper); border-color: var(--warn); }
.value.unknown { color: var(--warn); }
h3 { margin: 24px 0 6px; font-size: 1rem; }
details { margin: 12px 0; }
summary { cursor: pointer; color: var(--soft); }
td.text { overflow-wrap: anywhere; }
</style>`);
