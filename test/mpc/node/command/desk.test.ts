import { strict as assert } from 'node:assert';
import { Problem, type ProblemCode } from '#base';
import { holdCeremony, type NodeDesk } from '../../../../mpc/node/command/desk.ts';

const silence = (): never => {
  throw new Problem('wire/no-answer', 'No answer to ceremony/progress from 127.0.0.1:7000 within its time.');
};

/** A node that answers a look by each of these, in turn, and the beginning by the first. */
function deskOf(...answers: readonly (() => Record<string, unknown>)[]): { readonly desk: NodeDesk; readonly asked: unknown[] } {
  const [asked, left]: [unknown[], (() => Record<string, unknown>)[]] = [[], [...answers]];
  const ask = async (method: string, body: unknown) => {
    asked.push([method, body]);
    return left.shift()!();
  };
  return { desk: { config: {} as never, ask, close: () => undefined }, asked };
}

function failed(code: ProblemCode, words: RegExp) {
  return (error: unknown) => error instanceof Problem && error.code === code && words.test(error.detail);
}

const begun = () => ({ id: 'c1' });
const line = (text: string, state = 'running') => ({ state, lines: [{ atMs: 0, text }] });

describe('an operator who looks on at a ceremony', () => {
  const told: string[] = [];
  const hold = ({ desk }: ReturnType<typeof deskOf>) => holdCeremony(desk, { kind: 'refresh', role: 'poster' }, (text) => told.push(text.split('  ')[1]!));
  beforeEach(() => (told.length = 0));

  it('is not parted from it by being held still for a while: he is told every line, once', async () => {
    const node = deskOf(
      begun,
      () => line('one'),
      silence,
      silence,
      silence,
      () => line('two', 'done'),
    );
    await hold(node);
    assert.deepEqual(told, ['one', 'two']);
    assert.deepEqual(node.asked.at(-1), ['ceremony/progress', { id: 'c1', after: 1 }]);
  });

  it('is told how to go on where the node does not answer at all', async () => {
    await assert.rejects(hold(deskOf(begun, silence, silence, silence, silence)), failed('session/ceremony-failed', /may go on.*begin again at all nodes/));
    await assert.rejects(hold(deskOf(silence)), failed('session/ceremony-failed', /whether it began.*begin again at all nodes/));
  });

  it('is told at once what the node refuses', async () => {
    const refusal = (): never => {
      throw new Problem('session/bad-request', 'A ceremony is one of four.');
    };
    await assert.rejects(hold(deskOf(refusal)), failed('session/bad-request', /four/));
    await assert.rejects(hold(deskOf(begun, refusal)), failed('session/bad-request', /four/));
    await assert.rejects(hold(deskOf(begun, () => line('It ended.', 'failed'))), failed('session/ceremony-failed', /It ended/));
  });
});
