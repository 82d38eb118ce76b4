import { print, printJson } from '../../regions/terminal/print.ts';
import { profiles } from '../drive/installation/installation.ts';
import { nemeses } from '../drive/nemeses/all.ts';
import type { Nemesis } from '../drive/nemeses/nemesis.ts';
import { workloads } from '../drive/workloads/all.ts';
import type { Workload } from '../drive/workloads/workload.ts';

const lineOf = ({ place, name, description, ...rest }: Workload | Nemesis) => {
  const where = 'profiles' in rest ? `${rest.profiles.join(', ').padEnd(PROFILES)} ` : '';
  return `  ${place.padEnd(4)} ${name.padEnd(24)} ${where}${description}`;
};

/** How wide the names of all profiles are. */
const PROFILES = profiles.join(', ').length;

const linesOf = (all: readonly (Workload | Nemesis)[]) => all.map(lineOf).join('\n');

const plain = (one: Workload | Nemesis) => ({
  name: one.name,
  place: one.place,
  says: one.description,
  ...('profiles' in one ? { profiles: one.profiles } : {}),
});

/** Prints the workloads and nemeses, as text or as JSON. */
export async function list(json: boolean | undefined): Promise<void> {
  const all = { workloads: workloads.map(plain), nemeses: nemeses.map(plain) };
  if (json) return printJson(all);
  return print(
    `Workloads\n${linesOf(workloads)}\n\nNemeses, and the profiles in which they can be run\n${linesOf(nemeses)}`,
  );
}
