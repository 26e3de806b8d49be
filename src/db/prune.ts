import { abandonedPlaces, removeAbandoned, type AbandonedPlace } from './embedded/abandoned.ts';

/** cairn prune: shows the databases that deleted clones left in the system's folder, and removes them only when told to. Exit code 0. */
export function pruneCommand(values: Readonly<Record<string, string | boolean | undefined>>, tell: (line: string) => void): number {
  const places = abandonedPlaces();
  if (places.length === 0) tell('No database of a deleted clone is left.');
  for (const place of places) {
    if (!values['remove']) tell(lineOf(place));
    else tell(removeAbandoned(place) ? `removed ${lineOf(place)}` : `kept ${place.folder}: it is in use again`);
  }
  if (places.length > 0 && !values['remove'])
    tell('cairn prune --remove removes them. A disk that is only unmounted makes its databases look left behind, too.');
  return 0;
}

function lineOf({ folder, stateDir, clone, bytes }: AbandonedPlace): string {
  return `${folder}  ${Math.ceil(bytes / 1_000_000)} MB, of ${stateDir}, which is gone${clone === null ? '' : `; made by the clone ${clone}`}`;
}
