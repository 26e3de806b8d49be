/** What the chain asks for at the moment, wei a unit of gas (EIP-1559). */
export interface FeeMarket {
  readonly baseFee: bigint;
  readonly tip: bigint;
}

export interface Fee {
  readonly maxFeePerGas: bigint;
  readonly maxPriorityFeePerGas: bigint;
}

/** Enough for the base fee to double: six full blocks in a row, at 12.5 % each. */
function marketFee(market: FeeMarket): Fee {
  return { maxFeePerGas: 2n * market.baseFee + market.tip, maxPriorityFeePerGas: market.tip };
}

/** Nodes take a replacement of the same nonce only with both fees at least a tenth higher; an eighth, rounded up, is safe with all of them. */
function raised(fee: bigint): bigint {
  return fee + fee / 8n + 1n;
}

function larger(a: bigint, b: bigint): bigint {
  return a > b ? a : b;
}

/** The fee of a replacement, or null where even the smallest allowed raise is above the ceiling. */
export function replacementFee(previous: Fee, market: FeeMarket, ceiling: bigint): Fee | null {
  const wanted = marketFee(market);
  const least = raised(previous.maxFeePerGas);
  if (least > ceiling) return null;
  const wish = larger(wanted.maxFeePerGas, least);
  const maxFeePerGas = wish > ceiling ? ceiling : wish;
  const tip = larger(wanted.maxPriorityFeePerGas, raised(previous.maxPriorityFeePerGas));
  return { maxFeePerGas, maxPriorityFeePerGas: tip > maxFeePerGas ? maxFeePerGas : tip };
}

/** The fee of a first attempt: the market's, never above the ceiling (it then waits for a cheaper block). */
export function firstFee(market: FeeMarket, ceiling: bigint): Fee {
  const fee = marketFee(market);
  const maxFeePerGas = fee.maxFeePerGas > ceiling ? ceiling : fee.maxFeePerGas;
  return { maxFeePerGas, maxPriorityFeePerGas: fee.maxPriorityFeePerGas > maxFeePerGas ? maxFeePerGas : fee.maxPriorityFeePerGas };
}
