import { pairKey } from '../topology/layout.ts';
import type { LinkAnswer, LinkOrder } from './links.ts';
import { RegionLink } from './region-link.ts';

/**
 * The process of all links between regions. Their traffic must not wait for whatever else
 * its parent computes: a stalled link looks like a lost region. It ends with its parent.
 */

const links = new Map<string, RegionLink>();

function linkOf({ from, to }: Exclude<LinkOrder, { do: 'open' }>): RegionLink {
  const link = links.get(pairKey(from, to));
  if (link === undefined) throw new Error(`there is no link from ${from} to ${to}`);
  return link;
}

async function execute(order: LinkOrder): Promise<void> {
  switch (order.do) {
    case 'open':
      for (const layout of order.links) {
        const link = new RegionLink(layout);
        links.set(pairKey(layout.from, layout.to), link);
        await link.open();
      }
      break;
    case 'cut':
      linkOf(order).cut(order.mode);
      break;
    case 'heal':
      linkOf(order).heal();
      break;
    case 'delay':
      linkOf(order).setDelay(order.delayMs);
      break;
  }
}

function reply(answer: LinkAnswer): void {
  process.send?.(answer);
}

// The parent handles signals to the whole session.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => {});
process.on('disconnect', () => process.exit());
process.on('message', ({ id, order }: { readonly id: number; readonly order: LinkOrder }) => {
  execute(order).then(
    () => reply({ id }),
    (error: unknown) =>
      reply({ id, error: error instanceof Error ? error.message : String(error) }),
  );
});
