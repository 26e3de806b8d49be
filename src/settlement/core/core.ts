/** The door of settlement's pure core: which holds a window took and which instructions follow from them. An auditor re-runs it. */
export * from './allowance.ts';
export * from './instructions.ts';
