import { describe, expect, it } from 'vitest';
import { AskingCaller } from '../../../../src/plane/proxy/askingCaller.ts';
import { Handshake } from '../../../../src/plane/proxy/handshake.ts';
import { isLogin, isUserPass } from '../../../../src/plane/proxy/login.ts';
import { FakeClock } from '../../../support/fakeClock.ts';
import { FakeEnd } from '../../../support/fakeEnd.ts';
import { basicLogin, http, login, socks4, socks4a, socks5, socks5WithLogin } from '../../../support/proxyRequests.ts';
import { converse, cuts } from './converse.ts';

const OWN = { user: 'me', password: 'größer: geheim' };
const DB = { host: 'db', port: 5432 };
const METHOD = '0502';
const ACCEPTED = '0100';
const REFUSED = '0101';
const REJECTED_4 = '005b000000000000';

describe('a proxy with a login', () => {
  const LONG = { user: 'u'.repeat(255), password: 'p'.repeat(255) };
  const LET_IN: readonly [string, Buffer, string, { readonly user: string; readonly password: string }?][] = [
    ['SOCKS 5', socks5WithLogin('me', OWN.password, 'db', 5432), METHOD + ACCEPTED],
    ['SOCKS 5 that offers more methods', Buffer.concat([Buffer.from([5, 3, 0, 1, 2]), socks5WithLogin('me', OWN.password, 'db', 5432).subarray(3)]), METHOD + ACCEPTED],
    ['SOCKS 5 with 255 bytes of each', socks5WithLogin(LONG.user, LONG.password, 'db', 5432), METHOD + ACCEPTED, LONG],
    ['CONNECT', http('CONNECT db:5432 HTTP/1.1', basicLogin('me', OWN.password)), ''],
    ['CONNECT with the scheme in other letters', http('CONNECT db:5432 HTTP/1.1', basicLogin('me', OWN.password).replace('Basic ', ' bASIC   ')), ''],
    ['a page', http('GET http://db:5432/ HTTP/1.1', basicLogin('me', OWN.password)), ''],
  ];
  it.each(LET_IN)('lets %s in, however it is cut', (_, bytes, answer, own = OWN) => {
    for (const chunks of cuts(bytes)) expect(converse(chunks, own)).toMatchObject({ isRefused: false, destination: DB, answer });
  });

  it('passes its login on to no destination', () => {
    const { early } = converse([http('GET http://db:5432/ HTTP/1.1', basicLogin('me', OWN.password), 'Accept: */*')], OWN);
    expect(early).toContain('Accept');
    expect(early?.toLowerCase()).not.toMatch(/authorization|basic/);
  });

  it.each<[string, Buffer, string]>([
    ['SOCKS 4', socks4('10.1.2.3', 22, 'me'), REJECTED_4],
    ['SOCKS 4a', socks4a('db', 22), REJECTED_4],
    ['SOCKS 5 that offers no login', socks5('db', 5432), '05ff'],
    ['SOCKS 5 that offers nothing', Buffer.from([5, 0]), '05ff'],
    ['SOCKS 5 that offers what we have not', Buffer.from([5, 2, 0, 1]), '05ff'],
    ['a wrong password', socks5WithLogin('me', 'geheim', 'db', 5432), METHOD + REFUSED],
    ['the beginning of the password', socks5WithLogin('me', OWN.password.slice(0, -1), 'db', 5432), METHOD + REFUSED],
    ['the password and more', socks5WithLogin('me', `${OWN.password}x`, 'db', 5432), METHOD + REFUSED],
    ['another user', socks5WithLogin('you', OWN.password, 'db', 5432), METHOD + REFUSED],
    ['nobody', socks5WithLogin('', '', 'db', 5432), METHOD + REFUSED],
    ['the same bytes, divided otherwise', socks5WithLogin('meg', OWN.password.slice(1), 'db', 5432), METHOD + REFUSED],
    ['a login of another version', Buffer.concat([Buffer.from([5, 1, 2, 5]), login('me', OWN.password).subarray(1)]), METHOD + REFUSED],
    ['the request in place of the login', Buffer.concat([Buffer.from([5, 1, 2]), socks5('db', 5432).subarray(3)]), METHOD + REFUSED],
  ])('refuses %s in the words of the protocol, however it is cut', (_, bytes, answer) => {
    for (const chunks of cuts(bytes)) expect(converse(chunks, OWN)).toMatchObject({ isRefused: true, answer, destination: undefined });
  });

  const field = (value: string): Buffer => http('CONNECT db:5432 HTTP/1.1', `Proxy-Authorization:${value}`);
  const token = Buffer.from(`me:${OWN.password}`).toString('base64');
  it.each<[string, Buffer]>([
    ['no login', http('CONNECT db:5432 HTTP/1.1')],
    ['no login for a page', http('GET http://db/ HTTP/1.1')],
    ['a wrong password', http('CONNECT db:5432 HTTP/1.1', basicLogin('me', 'x'))],
    ['another user', http('CONNECT db:5432 HTTP/1.1', basicLogin('you', OWN.password))],
    ['a login for the web server', http('CONNECT db:5432 HTTP/1.1', basicLogin('me', OWN.password).replace('Proxy-', ''))],
    ['two logins', http('CONNECT db:5432 HTTP/1.1', basicLogin('me', OWN.password), basicLogin('me', OWN.password))],
    ['another scheme', field(` Bearer ${token}`)],
    ['no base64', field(` Basic ${token.slice(0, 4)}!${token.slice(4)}`)],
    ['an empty field', field('')],
    ['more behind it', field(` Basic ${token} x`)],
  ])('asks who brings %s over HTTP to log in, however it is cut', (_, bytes) => {
    for (const chunks of cuts(bytes)) {
      const { isRefused, answer } = converse(chunks, OWN);
      expect(isRefused).toBe(true);
      expect(Buffer.from(answer, 'hex').toString()).toMatch(/^HTTP\/1\.1 407 Proxy Authentication Required\r\n.*\r\nProxy-Authenticate: Basic realm="Culvert", charset="UTF-8"\r\n\r\nThis/s);
    }
  });

  it('sends no page along to who asked for its head alone, and still tells a browser what it is', () => {
    expect(Buffer.from(converse([http('HEAD http://db/ HTTP/1.1')], OWN).answer, 'hex').toString()).toMatch(/^HTTP\/1\.1 407 .*\r\n\r\n$/s);
    expect(Buffer.from(converse([http('GET / HTTP/1.1')], OWN).answer, 'hex').toString()).toContain('This port is a proxy');
  });

  it.each<[string, Buffer, string]>([
    ['half a login', Buffer.concat([Buffer.from([5, 1, 2]), login('me', OWN.password).subarray(0, 5)]), REFUSED],
    ['a login without a request', Buffer.concat([Buffer.from([5, 1, 2]), login('me', OWN.password)]), '05010001000000000000'],
  ])('has an answer for who sends %s and no more', (_, bytes, answer) => {
    const handshake = new Handshake(OWN);
    handshake.push(bytes);
    expect(handshake.unfinished.toString('hex')).toBe(answer);
  });
});

describe('a caller with a wrong login', () => {
  it('is told so, goes nowhere, and nothing of what it sent is in the words for the log', async () => {
    for (const request of [socks5WithLogin('intruder', 'guess', 'db', 5432), http('CONNECT db:5432 HTTP/1.1', basicLogin('intruder', 'guess')), socks4('10.1.2.3', 1, 'intruder')]) {
      const end = new FakeEnd();
      const wish = new AskingCaller(end, { permitted: undefined, credentials: OWN, clock: new FakeClock(), onGone: () => undefined });
      const answer = wish.ask();
      end.receives(request);
      expect(await answer).toMatchObject({ kind: 'nowhere', closeReason: 'login-refused' });
      expect(JSON.stringify(await answer)).not.toMatch(/intruder|guess|geheim|db/);
      expect(end.asked.slice(-2)).toEqual(['end', 'linger']);
    }
  });
});

describe('comparing', () => {
  it.each([
    ['me', 'größer: geheim', true], ['me', 'größer: geheiM', false], ['Me', 'größer: geheim', false], ['', '', false], ['me', '', false],
  ])('%s with %s: %s', (user, password, isRight) => {
    expect(isLogin(Buffer.from(user), Buffer.from(password), OWN)).toBe(isRight);
    expect(isUserPass(Buffer.from(`${user}:${password}`), OWN)).toBe(isRight);
  });
});
