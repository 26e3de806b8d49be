/** The little of the WebAssembly interface that the kernel uses: Node has it, TypeScript knows it only as a part of the browser's library. */
declare namespace WebAssembly {
  const Module: new (bytes: Uint8Array) => object;
  const Instance: new (module: object) => { readonly exports: unknown };
  interface Memory {
    readonly buffer: ArrayBuffer;
    grow(pages: number): number;
  }
}
