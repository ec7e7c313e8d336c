import type { Forward } from '../core/forward.ts';
import type { ForwardModel } from '../core/forwardModel.ts';
import { isActive } from '../core/forwardState.ts';
import { titleOf } from './present.ts';
import { problemOfPassword, problemOfUser, type ProxyLogins } from './proxyLogins.ts';
import { askSecret, askText } from './quickInput.ts';

/** Asks who may use a proxy, keeps it, and starts the proxy anew where it runs; an empty user lets everybody in. */
export async function setProxyLogin(model: ForwardModel, logins: ProxyLogins, forward: Forward): Promise<void> {
  const { id } = forward.definition;
  const title = `Login of the Proxy ${titleOf(forward)}`;
  const user = await askText({
    title, prompt: 'The user name that programs must give, by SOCKS 5 or HTTP; empty: no login.', value: forward.definition.login ?? '', hasBack: false, validate: problemOfUser,
  });
  if (user.kind !== 'value') return;
  if (user.value === '') {
    await logins.forget(id);
    change(model, id, undefined);
    return;
  }
  const prompt = `The password of ${user.value}. It is kept in the editor's secret storage.`;
  const password = await askSecret({ title, prompt, isHidden: true, canRemember: false, validate: problemOfPassword }, new AbortController().signal);
  if (password === undefined) return;
  await logins.keep(id, password.text);
  change(model, id, user.value);
}

/** While the user was asked, the forward may have been changed or removed elsewhere. */
function change(model: ForwardModel, id: string, login: string | undefined): void {
  const forward = model.get(id);
  if (forward === undefined) return;
  const { login: before, ...rest } = forward.definition;
  model.put(login === undefined ? rest : { ...rest, login });
  // The same user with another password is no change of the definition.
  if (isActive(forward.state) && forward.state.phase !== 'stopping' && before === login && login !== undefined) model.restart(id);
}
