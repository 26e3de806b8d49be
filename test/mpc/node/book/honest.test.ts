import assert from 'node:assert/strict';
import { platformNode, type PlatformNode } from './platformNode.ts';

describe('a signer’s book beside a platform that does nothing wrong', function () {
  this.timeout(120_000);
  let world: PlatformNode;
  before(async () => {
    world = await platformNode();
  });
  after(() => world.close());

  it('agrees to every anchor and every instruction that the platform makes', async () => {
    const { test, asked } = world;
    await test.fund(10_000n);
    const first = await test.order(['10.00', '20.50', '7.77']);
    assert.ok(await test.platform.closeWindow());
    await test.until('the first order is settled', async () => (await test.payments(first.submitted.order.order)).every(({ state }) => state === 'settled'));
    const second = await test.order(['1.00']);
    assert.ok(await test.platform.closeWindow());
    await test.until('the second order is settled', async () => (await test.payments(second.submitted.order.order)).every(({ state }) => state === 'settled'));
    const refused = asked.filter(({ judgement }) => !judgement.ok);
    assert.deepEqual(
      refused.map(({ judgement }) => judgement),
      [],
    );
    assert.ok(asked.filter(({ intent }) => intent.kind === 'anchor').length >= 5);
    assert.equal(asked.filter(({ intent }) => intent.kind === 'instruction').length, 2);
  });
});
