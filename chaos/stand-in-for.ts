/** An object in the place of another type, of which only the part that it has is ever used. */
// oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- the caller chooses the type
export function standInFor<T>(part: object): T {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what is missing fails at once
  return part as T;
}
