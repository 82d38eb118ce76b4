import { cutModes } from '../../../regions/faults/link.ts';
import { profiles } from '../installation/installation.ts';
import { strikeWith } from './breaking.ts';
import { harmsBetween, harmsOfLink } from './harms.ts';
import type { Nemesis } from './nemesis.ts';
import { cutWays, wayName } from './partition.ts';
import { twoRegions, whyNoLinks } from './targets.ts';

const common = {
  place: 'N8',
  profiles,
  whyNot: whyNoLinks,
  lastsMs: [5_000, 25_000],
  alone: true,
} as const;

/** Touches calls from one region to the other, none in the reverse direction. */
export const oneWayConnections: Nemesis = {
  ...common,
  name: 'one-way-connections',
  description:
    'connections that one region opens to another are cut, or silent, or lose all traffic in one ' +
    'direction; those that the other one opens are not touched',
  aim: (scene) => {
    const [from, to] = twoRegions(scene);
    const mode = scene.random.pick(cutModes);
    return Promise.resolve(cutWays(scene, [[from, to]], mode, harmsOfLink(scene, from, to)));
  },
};

/** Touches calls in both directions, for a request or its answer takes the lost way. */
export const oneWayLoss: Nemesis = {
  ...common,
  name: 'one-way-loss',
  description:
    'nothing that one region sends reaches another, whichever side opened the connection; the way back works',
  aim: (scene) => {
    const [from, to] = twoRegions(scene);
    return Promise.resolve(
      strikeWith(scene, {
        targets: [`${wayName([from, to])} lost_requests`, `${wayName([to, from])} lost_replies`],
        harms: harmsBetween(scene, from, to),
        begin: async ({ faults }) => {
          await faults.cut(from, to, 'lost_requests');
          await faults.cut(to, from, 'lost_replies');
        },
      }),
    );
  },
};
