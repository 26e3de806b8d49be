/** Every set of `size` of these ids in order, beginning with another one at every turn, so that no pair of nodes does all the work and a pair that fails is not the first again. */
export function signerSets(ids: readonly number[], size: number, turn: number): number[][] {
  const sets = subsets(
    ids.toSorted((a, b) => a - b),
    size,
  );
  const first = sets.length === 0 ? 0 : turn % sets.length;
  return [...sets.slice(first), ...sets.slice(0, first)];
}

function subsets(ids: readonly number[], size: number): number[][] {
  if (size === 0) return [[]];
  return ids.flatMap((id, i) => subsets(ids.slice(i + 1), size - 1).map((rest) => [id, ...rest]));
}
