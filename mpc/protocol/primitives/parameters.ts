/** The frozen parameters (digest section 1). A change of any of them is another protocol: PROTOCOL_VERSION, which is in every context, changes with it. */
import { utf8 } from '#base';

/** Bound into `ctx` and `sid_dkg`, so that two versions never share a session. */
export const PROTOCOL_VERSION = utf8('cairn-dkls23/1');
export const CURVE_NAME = utf8('secp256k1');

/** kappa: bits of a scalar. */
const KAPPA = 256;
/** lambda_c: computational security in bits. */
const LAMBDA_C = 128;
/** lambda_s: statistical security in bits. */
const LAMBDA_S = 80;
/** K: base OTs of one direction of a pair, the width of Delta. */
export const BASE_OTS = LAMBDA_C;
/** xi: OTs of one RVOLE, the length of the gadget vector. */
export const XI = KAPPA + 2 * LAMBDA_S;
/** l: inputs of one RVOLE, (r_i, sk_i). */
export const VOLE_INPUTS = 2;
/** rho: check columns of one RVOLE. */
export const VOLE_CHECKS = 2;
/** W: field elements of one OT. */
export const VOLE_WIDTH = VOLE_INPUTS + VOLE_CHECKS;
/** sigma: check bits of the OT extension; the prover may grind its Fiat-Shamir challenge, so they are as many as the computational parameter. */
const OTE_CHECK_BITS = 128;
/** eta': bits and bytes of one extended column. */
export const COLUMN_BITS = XI + OTE_CHECK_BITS;
export const COLUMN_BYTES = COLUMN_BITS / 8;

export const SCALAR_BYTES = 32;
/** Uncompressed SEC 1 form, which costs a fifteenth of the compressed one to read. */
export const POINT_BYTES = 65;
/** Compressed SEC 1 form, in base OT only. */
export const COMPRESSED_BYTES = 33;
/** Of every digest, id, salt and nonce of a session. */
export const HASH_BYTES = 32;
