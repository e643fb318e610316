// Drives a real Chromium as people do: sends, reloads in the middle, goes on, receives,
// by mouse, by keyboard, on a phone and without script. Says on its standard output, as
// JSON, what it saw; pictures of every page go to SHOTS if that is set.
'use strict'

const crypto = require('crypto')
const fs = require('fs')
const os = require('os')
const path = require('path')
const { chromium } = require('playwright-core')
const axe = fs.readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8')

const base = process.env.FERRY_URL
const shots = process.env.SHOTS
const person = { email: process.env.FERRY_EMAIL, password: process.env.FERRY_PASSWORD }
const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'ferry-browser-'))
const MIB = 1 << 20

const report = { faults: [], errors: [], twice: [], steps: [] }

function assert (what, is) {
  report.steps.push(what)
  if (!is) report.errors.push(what)
}

function file (name, size) {
  const at = path.join(folder, name)
  fs.mkdirSync(path.dirname(at), { recursive: true })
  fs.writeFileSync(at, crypto.createHash('shake256', { outputLength: Math.max(size, 1) }).update(name).digest().subarray(0, size))
  return at
}

const sum = (at) => crypto.createHash('sha256').update(fs.readFileSync(at)).digest('hex')

// look sees a page as it is, in the other colours, and on a phone.
async function look (page, name) {
  await see(page, name)
  const dark = await page.evaluate(() => window.matchMedia('(prefers-color-scheme: dark)').matches)
  // Without motion, as colours that are still changing are not what anybody reads by.
  await page.emulateMedia({ colorScheme: dark ? 'light' : 'dark', reducedMotion: 'reduce' })
  await see(page, name + (dark ? '-light' : '-dark'))
  const size = page.viewportSize()
  if (size.width > PHONE.width) {
    await page.setViewportSize(PHONE)
    await see(page, name + '-phone')
    const wide = await page.evaluate(() => document.documentElement.scrollWidth)
    if (wide > PHONE.width) report.faults.push(`${name}: on a phone it is ${wide} wide`)
    await page.setViewportSize(size)
  }
  await page.emulateMedia({ colorScheme: dark ? 'dark' : 'light', reducedMotion: 'no-preference' })
}

const PHONE = { width: 390, height: 844 }

// see asks axe for faults that keep people out, and takes a picture.
async function see (page, name) {
  if (shots) await page.screenshot({ path: path.join(shots, name + '.png'), fullPage: true })
  // The page's own policy lets no script in but the site's; the debugger is above that.
  await page.evaluate(axe)
  const { violations } = await page.evaluate(() => window.axe.run(document, { resultTypes: ['violations'] }))
  for (const v of violations) {
    if (v.impact === 'serious' || v.impact === 'critical') report.faults.push(`${name}: ${v.id}: ${v.nodes.map((n) => n.target.join(' ')).join(', ')}`)
  }
}

async function signIn (page, next) {
  await page.goto(base + '/app/sign-in?next=' + encodeURIComponent(next))
  await page.fill('#email', person.email)
  await page.fill('#password', person.password)
  await Promise.all([page.waitForURL(base + next), page.click('main button')])
}

async function choose (page, files) {
  const [chooser] = await Promise.all([page.waitForEvent('filechooser'), page.locator('button:visible', { hasText: 'Choose files' }).click()])
  await chooser.setFiles(files)
}

async function chooseFolder (page, at) {
  const [chooser] = await Promise.all([page.waitForEvent('filechooser'), page.locator('button:visible', { hasText: 'Choose a folder' }).click()])
  await chooser.setFiles(at)
}

const state = (page, want) => page.waitForFunction((s) => document.querySelector('.crossing').dataset.state === s, want, { timeout: 30000 })

// watch counts which parts the server has acknowledged, and notes those sent again.
function watch (page, acknowledged) {
  page.on('request', (r) => {
    if (r.method() === 'PUT' && acknowledged.has(r.url())) report.twice.push(r.url())
  })
  page.on('response', (r) => {
    if (r.request().method() === 'PUT' && r.ok()) acknowledged.add(r.url())
  })
}

async function download (page, click) {
  const [d] = await Promise.all([page.waitForEvent('download'), click()])
  const at = path.join(folder, 'got-' + crypto.randomUUID())
  await d.saveAs(at)
  return at
}

async function main () {
  const browser = await chromium.launch({
    executablePath: '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking', '--disable-component-update', '--disable-sync', '--no-first-run', '--disable-quic']
  })
  const context = async (options) => {
    const c = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options })
    c.setDefaultTimeout(30000)
    return c
  }
  try {
    await sendAndReceive(context)
    await links(context)
    await others(context)
  } finally {
    await browser.close()
    fs.rmSync(folder, { recursive: true, force: true })
  }
}

// Three files and a folder, a reload in the middle, and the bytes in another profile.
async function sendAndReceive (context) {
  const files = [file('film.bin', 40 * MIB), file('notes.txt', 5), file('nothing.txt', 0)]
  file('tree/a/one.bin', 3000)
  file('tree/b/two.bin', 9 * MIB)
  const c = await context()
  const page = await c.newPage()
  const acknowledged = new Set()
  watch(page, acknowledged)
  for (const name of ['sign-in', 'forgot']) {
    await page.goto(base + '/app/' + name)
    await look(page, name)
  }
  await signIn(page, '/')
  await look(page, 'send')
  await choose(page, files)
  await chooseFolder(page, path.join(folder, 'tree'))
  assert('five files are listed', await page.locator('.chosen li').count() === 5)
  await page.fill('#title', 'Summer <b>on</b> Skye')
  await page.locator('summary').click()
  await page.fill('#name', 'skye')
  await look(page, 'chosen')
  let held = 0
  await page.route('**/parts/*', async (r) => {
    if (acknowledged.size + held < 4) {
      held++
      return r.continue()
    }
    // What comes later waits until the page has gone.
  })
  await page.locator('#send button[type=submit]').click()
  await page.waitForFunction(() => document.querySelector('#under-way progress')?.value > 0)
  await page.click('text=Pause')
  await page.waitForSelector('text=Go on')
  await page.click('text=Go on')
  await page.waitForSelector('text=Pause')
  assert('the link is there at once', (await page.inputValue('#link')) === base + '/to/skye')
  await look(page, 'crossing')
  page.on('dialog', (d) => d.accept())
  await page.reload()
  await page.unroute('**/parts/*')
  await page.waitForSelector('text=A crossing was interrupted')
  await look(page, 'interrupted')
  await choose(page, files)
  await chooseFolder(page, path.join(folder, 'tree'))
  await state(page, 'across')
  assert('no title is taken for markup', await page.locator('main b').count() === 0)
  assert('the link is drawn', await page.evaluate(() => document.querySelector('.drawn').naturalWidth > 0))
  await look(page, 'across')
  await c.close()

  const other = await context({ acceptDownloads: true, colorScheme: 'dark' })
  const reader = await other.newPage()
  await reader.goto(base + '/to/skye')
  assert('its title is text', (await reader.textContent('h1')) === 'Summer <b>on</b> Skye')
  await look(reader, 'share')
  assert('nothing is chosen yet', !await reader.locator('.picked').isVisible())
  await reader.locator('.pick').nth(1).check()
  await reader.locator('.pick').nth(4).check()
  await look(reader, 'picked')
  const some = await download(reader, () => reader.click('.picked button'))
  report.some = path.join(os.tmpdir(), path.basename(folder) + '-some.zip')
  fs.copyFileSync(some, report.some)
  const one = await download(reader, () => reader.click('a[data-file="film.bin"]'))
  assert('one file is the same', sum(one) === sum(files[0]))
  await reader.locator('a.eye').first().click()
  assert('the text is shown', await reader.locator('.shown pre').count() === 1)
  await look(reader, 'view')
  await reader.click('text=Files')
  const all = await download(reader, () => reader.click('a.button'))
  report.zip = path.join(os.tmpdir(), path.basename(folder) + '.zip')
  fs.copyFileSync(all, report.zip)
  await other.close()
}

// A link with a password, one that is over, and one that is used up.
async function links (context) {
  const c = await context()
  const page = await c.newPage()
  await signIn(page, '/')
  const send = async (name, fill) => {
    await page.goto(base + '/')
    await choose(page, [file(name + '.txt', 20)])
    await page.locator('summary').click()
    await page.fill('#name', name)
    await fill()
    await page.locator('#send button[type=submit]').click()
    await state(page, 'across')
  }
  await send('locked', () => page.fill('#password', 'open sesame'))
  await send('once', () => page.fill('#max_downloads', '1'))
  await send('gone', () => page.check('#live'))
  const paper = path.join(folder, 'paper.pdf')
  fs.writeFileSync(paper, '%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj 2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj ' +
    '3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents 4 0 R/Resources<</Font<</F<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>>>>>>>endobj ' +
    '4 0 obj<</Length 44>>stream\nBT /F 60 Tf 60 700 Td (Sailing notes) Tj ET \nendstream endobj trailer<</Root 1 0 R>>\n')
  await page.goto(base + '/')
  await choose(page, [paper])
  await page.locator('summary').click()
  await page.fill('#name', 'paper')
  await page.locator('#send button[type=submit]').click()
  await state(page, 'across')
  await page.goto(base + '/to/paper')
  await page.locator('a.eye').click()
  await page.waitForFunction(() => document.querySelector('.sheet')?.naturalHeight > 1000)
  assert('a page of a PDF is shown', await page.locator('.sheet').count() === 1)
  await look(page, 'paper')
  assert('what is live says so', (await (await c.request.get(base + '/ferry/v1/transfers')).json()).items.find((t) => t.name === 'gone').live)
  const list = await (await c.request.get(base + '/ferry/v1/transfers')).json()
  const gone = list.items.find((t) => t.name === 'gone')
  await page.goto(base + '/app/transfers')
  assert('what was sent is listed', await page.locator('main .files a').count() === 5)
  await look(page, 'mine')
  await page.locator('main .files a', { hasText: 'Skye' }).click()
  assert('what was received is told', await page.locator('td', { hasText: 'film.bin' }).count() === 1)
  await look(page, 'my-transfer')
  const friend = await (await context()).newPage()
  await friend.goto(base + '/to/skye')
  await friend.evaluate(() => fetch(document.querySelector('a[data-file="notes.txt"]').href).then((r) => r.text()))
  await page.locator('td', { hasText: 'notes.txt' }).waitFor({ timeout: 15000 })
  assert('what is received is told without loading the page', true)
  await friend.context().close()
  await page.goto(base + '/app/account')
  await look(page, 'account')
  await page.goto(base + '/app/contacts')
  await page.fill('#name', 'Zoë')
  await page.fill('#email', 'zoe@example.org')
  await page.click('button:text-is("Add")')
  await page.locator('.company summary', { hasText: 'Zoë' }).click()
  await look(page, 'contacts')
  await page.goto(base + '/app/admin')
  await look(page, 'admin')
  await page.click('text=Companies')
  await page.fill('#name', 'Reederei')
  await page.click('text=Make the company')
  await page.locator('.company summary').click()
  await look(page, 'companies')
  await page.click('nav >> text=Traffic')
  assert('there are charts', await page.locator('.chart rect').count() === 90)
  await look(page, 'traffic')
  await page.goto(base + '/to/paper')
  await page.click('text=Report this')
  await page.fill('#text', 'It is not about sailing.')
  await look(page, 'report')
  await page.click('text=Send the report')
  await page.waitForSelector('text=Thank you')
  await page.goto(base + '/app/admin/reports')
  await look(page, 'reports')
  await page.click('nav >> text=Settings')
  assert('settings tell where they come from', await page.locator('tr', { hasText: 'ready-file' }).locator('text=command line').count() === 1)
  await look(page, 'settings')
  await page.click('nav >> text=Journal')
  assert('what was administered is told', await page.locator('td', { hasText: 'company.create' }).count() === 1)
  await look(page, 'journal')
  await page.goto(base + '/')
  await page.evaluate((id) => fetch('/ferry/v1/transfers/' + id, { method: 'DELETE' }), gone.id)
  await c.close()

  const other = await context({ acceptDownloads: true })
  const reader = await other.newPage()
  await reader.goto(base + '/to/locked')
  await reader.fill('#password', 'wrong')
  await reader.click('main button')
  assert('a wrong password is told', await reader.locator('text=This is not the password.').count() === 1)
  await look(reader, 'unlock')
  await reader.fill('#password', 'open sesame')
  await reader.click('main button')
  await reader.waitForSelector('a[data-file]')
  await reader.goto(base + '/to/once')
  await download(reader, () => reader.click('a[data-file]'))
  await reader.waitForTimeout(500)
  await reader.goto(base + '/to/once')
  const answer = await other.request.get(base + (await reader.locator('a[data-file]').getAttribute('href').catch(() => '/to/once')))
  assert('the second download is refused', answer.status() === 410)
  const res = await reader.goto(base + '/to/gone')
  assert('what was taken down is gone', res.status() === 410)
  await look(reader, 'gone')
  await other.close()
}

// A phone, the keyboard alone with a part that breaks off, and no script.
async function others (context) {
  const phone = await context({ viewport: PHONE, isMobile: true, hasTouch: true })
  let page = await phone.newPage()
  await signIn(page, '/')
  await choose(page, [file('phone.bin', 20 * MIB)])
  await look(page, 'send-phone')
  assert('nothing is wider than a phone', await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth))
  await page.locator('#send button[type=submit]').click()
  await state(page, 'across')
  await look(page, 'across-phone')
  await phone.close()

  const keys = await context()
  page = await keys.newPage()
  await page.goto(base + '/app/sign-in')
  await page.waitForFunction(() => document.activeElement.id === 'email') // it has the focus by itself
  await page.keyboard.type(person.email)
  await page.keyboard.press('Tab')
  await page.keyboard.type(person.password)
  await page.keyboard.press('Enter')
  await page.waitForSelector('#send')
  const tabTo = async (text) => {
    for (let i = 0; i < 40; i++) {
      await page.keyboard.press('Tab')
      if ((await page.evaluate(() => document.activeElement.textContent.trim())) === text) return true
    }
    return false
  }
  const chosen = new Promise((resolve) => page.on('filechooser', resolve)) // from now on: a key is fast
  assert('the choice is reached by keys', await tabTo('Choose files'))
  await page.keyboard.press('Enter')
  await (await chosen).setFiles([file('keys.bin', 24 * MIB)])
  assert('the button is reached by keys', await tabTo('Send'))
  let first = true
  await page.route('**/parts/*', async (r) => {
    if (first) {
      first = false
      return r.abort('connectionreset')
    }
    return r.continue()
  })
  await page.keyboard.press('Enter')
  await state(page, 'across')
  assert('the title is told to who cannot see it', (await page.textContent('#spoken')).startsWith('Everything is across'))
  await keys.close()

  const away = await context()
  page = await away.newPage()
  await signIn(page, '/')
  await choose(page, [file('away.bin', 20 * MIB)])
  await away.setOffline(true)
  await page.locator('#send button[type=submit]').click()
  await state(page, 'lost')
  await page.waitForSelector('text=No connection.')
  await away.setOffline(false)
  await state(page, 'across')
  await away.close()

  const plain = await context({ javaScriptEnabled: false })
  page = await plain.newPage()
  await signIn(page, '/')
  await page.setInputFiles('#file', [file('plain.bin', 2 * MIB), file('plain.txt', 3)])
  await page.fill('#title', 'Without script')
  await page.locator('#send button[type=submit]').click()
  await page.waitForSelector('p.link a')
  await page.click('p.link a')
  assert('without script it is there', await page.locator('a[data-file]').count() === 2)
  await plain.close()
}

main().then(() => console.log(JSON.stringify(report)), (error) => {
  console.error(error)
  console.log(JSON.stringify(report))
  process.exit(1)
})
