import type { ApiKey } from './api-key.ts';
import type { ApiKeys } from './keys.store.ts';

/**
 * Looks a key up once for all who ask for it while it is being looked up: they share the next look, which begins after every one of them has asked. So nobody is admitted by a key
 * that was revoked before he asked, and thousands of requests a second cost a few hundred looks.
 */
export function sharedKeys(keys: ApiKeys): ApiKeys {
  const looking = new Map<string, Promise<unknown>>();
  const next = new Map<string, Promise<ApiKey | null>>();

  function look(id: string): Promise<ApiKey | null> {
    next.delete(id);
    const found = keys.find(id);
    const end = found.then(
      () => looking.delete(id),
      () => looking.delete(id),
    );
    looking.set(id, end);
    return found;
  }

  function find(id: string): Promise<ApiKey | null> {
    const before = looking.get(id);
    if (!before) return look(id);
    const shared = next.get(id) ?? before.then(() => look(id));
    next.set(id, shared);
    return shared;
  }

  return { ...keys, find };
}
