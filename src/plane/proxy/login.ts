import { createHash, timingSafeEqual } from 'node:crypto';
import type { ProxyCredentials } from '../../protocol/messages.ts';

/** Whether a client showed the user and the password of the proxy; takes as long for a wrong guess as for a near one. */
export function isLogin(user: Buffer, password: Buffer, { user: ownUser, password: ownPassword }: ProxyCredentials): boolean {
  const isUser = isSame(user, ownUser);
  const isPassword = isSame(password, ownPassword);
  return isUser && isPassword;
}

/** As `isLogin`, for the `user:password` of HTTP (RFC 7617 section 2), where a user name has no colon. */
export function isUserPass(userPass: Buffer, { user, password }: ProxyCredentials): boolean {
  return isSame(userPass, `${user}:${password}`);
}

/** Digests have one length, so that not even that is told. */
function isSame(given: Buffer, own: string): boolean {
  return timingSafeEqual(createHash('sha256').update(given).digest(), createHash('sha256').update(own).digest());
}
