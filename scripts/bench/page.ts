/** The page docs/benchmarks.md: sections between markers, in the order of their names. */
export interface Section {
  readonly name: string;
  readonly title: string;
  /** Markdown without its heading. */
  readonly text: string;
}

const HEADER = `# Benchmarks

Measured by \`npm run bench\` on the machine that each section names; nothing is copied from elsewhere. A section is measured anew by its own command.
`;

/** The page with one section replaced or added; sections that no longer exist are dropped. */
export function mergeSections(page: string, fresh: Section, names: readonly string[]): string {
  const sections = new Map(
    [...page.matchAll(/<!-- section (\S+) -->\n([\s\S]*?)(?=\n<!-- section |$(?![\s\S]))/g)].map((match) => [match[1] ?? '', (match[2] ?? '').trimEnd()]),
  );
  sections.set(fresh.name, `## ${fresh.title}\n\n${fresh.text}`);
  const kept = names.filter((name) => sections.has(name)).map((name) => `\n<!-- section ${name} -->\n${sections.get(name)}\n`);
  return HEADER + kept.join('');
}
