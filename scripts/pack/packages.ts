import type { PackageSpec } from './build.ts';

/** What others install. The name is scoped because `cairn` on npm belongs to somebody else. */
export const PACKAGES: readonly PackageSpec[] = [];
