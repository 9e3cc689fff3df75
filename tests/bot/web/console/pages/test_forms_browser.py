"""Forms and the command box in a browser: what follows what, and what is one request."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import BrowserContext, Route, expect

from tests.bot.web.console.conftest import Console
from tests.support.browser import opened, tab_to
from tests.support.wait import until

pytestmark = pytest.mark.slow


async def test_the_form_and_the_slash_command_follow_each_other(reader: BrowserContext) -> None:
    """Both ways; the address keeps what is filled in, and the plan says what it would reach."""
    page = await opened(reader, "/run/ship")
    await page.select_option("#field-app", "shop")
    await page.select_option("#field-environment", "prod")
    await expect(page.locator("#plan")).to_contain_text("3 servers in prod")
    await expect(page.locator("#slash")).to_have_value("/ship shop prod")
    await page.fill("#slash", "/ship shop prod --ref v9 --host web-1")
    await expect(page.locator("#field-ref")).to_have_value("v9")
    await expect(page.locator("#field-host")).to_have_value("web-1")
    await expect(page.locator("#plan")).to_contain_text("1 server in prod")
    await page.reload()
    await expect(page.locator("#field-ref")).to_have_value("v9")
    await expect(page.locator("#rollout-canary")).to_be_hidden()
    await page.fill("#slash", "/ship shop prod --canary 1")
    await expect(page.locator("#rollout-canary")).to_have_value("1")
    await page.fill("#rollout-wave", "50%")
    await expect(page.locator("#slash")).to_have_value("/ship shop prod --canary 1 --wave 50%")
    await expect(page.locator("#plan")).to_contain_text("It goes by rollout: waves of 1, 1 and 1.")
    await page.fill("#slash", "/ship")
    await expect(page.locator("#slash-wrong")).to_be_visible()


async def test_a_time_turns_run_into_schedule(reader: BrowserContext) -> None:
    """The button says what a click does, the plan when; the slash command fills in the time too."""
    page = await opened(reader, "/run/ship?f-app=shop&f-environment=prod")
    await page.fill("#when", "every 2 hours")
    await expect(page.get_by_role("button", name="Schedule /ship")).to_be_visible()
    await expect(page.locator("#plan")).to_contain_text("It runs next, in the time zone")
    await expect(page.locator("#plan .times li")).to_have_count(3)
    await expect(page.locator("#slash")).to_have_value("/schedule ship shop prod every 2 hours")
    await page.fill("#slash", "/ship shop prod")
    await expect(page.get_by_role("button", name="Run /ship")).to_be_visible()
    await expect(page.locator("#when")).to_have_value("")
    await page.fill("#slash", "/schedule ship shop prod at 09:00 UTC")
    await expect(page.locator("#when")).to_have_value("at 09:00 UTC")
    await page.get_by_role("button", name="Schedule /ship").click()
    await expect(page.locator(".answer")).to_contain_text("ship shop prod, every day at 09:00")


async def test_a_form_runs_only_what_its_slash_command_says(
    console: Console, reader: BrowserContext
) -> None:
    """While the form has not followed what was typed, Run opens the form of that; an answer that
    comes late changes nothing."""
    page = await opened(reader, "/run/ship?f-app=shop&f-environment=prod&f-host=web-1")
    await expect(page.locator("#plan")).to_contain_text("1 server in prod")
    late: list[Route] = []
    await page.route("**/run/typed?*", lambda route: late.append(route))
    await page.fill("#slash", "/ship shop prod --host web-2")
    await until(lambda: len(late) == 1)
    await page.fill("#slash", "/ship shop prod --host web-3")
    await until(lambda: len(late) == 2)
    for route in reversed(late):
        async with page.expect_response("**/run/typed?*"):
            await route.continue_()
    await expect(page.locator("#field-host")).to_have_value("web-3")
    await expect(page.locator("#plan")).to_contain_text("web-3")
    await expect(page.locator("#field-host")).to_have_value("web-3")
    await page.fill("#slash", "/ship shop prod --host web-2")
    await page.get_by_role("button", name="Run /ship").click()
    await page.wait_for_url("**/run/ship?*web-2*")
    await expect(page.locator("#field-host")).to_have_value("web-2")
    assert not any(agent.requests for agent in console.agents)


async def test_the_newest_plan_is_shown(reader: BrowserContext) -> None:
    """However long the ones before it take; and what is typed stays while other parts are read."""
    page = await opened(reader, "/run/ship?f-app=shop&f-environment=prod")
    await expect(page.locator("#plan")).to_contain_text("3 servers in prod")
    held: list[Route] = []
    await page.route("**/run/ship/plan?*", lambda route: held.append(route), times=1)
    await page.select_option("#field-host", "web-1")
    await until(lambda: len(held) == 1)
    for host in ("web-2", "web-3"):
        await page.select_option("#field-host", host)
        await expect(page.locator("#plan .reached .main")).to_have_text([host])
    await page.route("**/run/typed?*", lambda route: route.abort())
    await page.fill("#slash", "/ship shop prod --host web-1")
    await page.locator("#slash").blur()
    async with page.expect_response("**/links"):
        await page.evaluate("htmx.ajax('GET', '/links', {target: '#links', swap: 'outerMorph'})")
    await expect(page.locator(".htmx-request")).to_have_count(0)
    await expect(page.locator("#slash")).to_have_value("/ship shop prod --host web-1")


async def test_the_command_box_completes_by_keyboard(reader: BrowserContext) -> None:
    """`/` goes there, arrows choose, Enter takes what is chosen; a screen reader is told."""
    page = await opened(reader, "/")
    await page.keyboard.press("/")
    box, options = page.locator("#command"), page.locator("#command-list li")
    await expect(box).to_be_focused()
    await page.keyboard.type("/sh")
    await expect(options).to_have_count(1)
    await expect(box).to_have_attribute("aria-expanded", "true")
    await page.keyboard.press("ArrowDown")
    await expect(box).to_have_attribute("aria-activedescendant", "command-list-0")
    await page.keyboard.press("Enter")
    await expect(box).to_have_value("/ship ")
    await expect(options.first).to_contain_text("shop")
    await page.keyboard.press("Escape")
    await expect(page.locator("#command-list")).to_be_hidden()


async def test_a_form_that_stays_on_the_page_asks_again(
    console: Console, reader: BrowserContext
) -> None:
    """Other words are another request: the key of the one before is not theirs."""
    page = await opened(reader, "/schedules")
    for when in ("every 5m", "every 2h"):
        await page.fill("#what", "hail prod")
        await page.fill("#when", when)
        await page.get_by_role("button", name="Schedule it").click()
        await expect(page.locator("#answer")).to_contain_text(when)
        await expect(page.locator("#live")).to_contain_text(when)
    assert len(await console.bot.store.schedules.in_channel("console")) == 2


async def test_what_is_typed_stays_while_the_page_asks_again(reader: BrowserContext) -> None:
    """Lists are read again beside the form, and the focus stays where it is."""
    page = await opened(reader, "/schedules")
    await page.fill("#what", "hail pr")
    async with page.expect_response(lambda answer: answer.url.endswith("/schedules")):
        pass
    await expect(page.locator("#what")).to_be_focused()
    await expect(page.locator("#what")).to_have_value("hail pr")


async def test_what_is_wrong_is_said_as_far_as_it_is_known(reader: BrowserContext) -> None:
    """The bot's own words if it said some; that nobody knows only if nothing came, and then it is
    asked again as the same request. An answer that comes later is not shown as an error."""
    page = await opened(reader, "/schedules")
    keys: list[str] = []
    page.on(
        "request", lambda request: keys.extend(re.findall(r"key=(\w+)", request.post_data or ""))
    )
    await page.fill("#what", "hail prod")
    await page.fill("#when", "every 5m")
    answer = page.locator("#answer")
    refused = {"detail": "The database is away. Nothing was done."}
    await page.route("**/ask", lambda route: route.fulfill(status=503, json=refused), times=1)
    await page.get_by_role("button", name="Schedule it").click()
    await expect(answer).to_have_text("The database is away. Nothing was done.")
    await expect(answer).to_have_class("notice bad")
    await page.route("**/ask", lambda route: route.abort(), times=1)
    await page.get_by_role("button", name="Schedule it").click()
    await expect(answer).to_contain_text("It is not known whether the request arrived.")
    await page.get_by_role("button", name="Schedule it").click()
    await expect(answer).to_contain_text("every 5m")
    await expect(answer).not_to_have_class(re.compile("notice|bad"))
    assert (len(keys), len(set(keys))) == (3, 1)


async def test_what_cannot_be_copied_is_selected(reader: BrowserContext) -> None:
    """Over plain HTTP a browser gives a page no clipboard. The button says what is left to do."""
    page = await opened(reader, "/run/ship?f-app=shop&f-environment=prod")
    await expect(page.locator("#slash")).to_have_value("/ship shop prod")
    await page.evaluate("Object.defineProperty(navigator, 'clipboard', {value: undefined})")
    await page.get_by_role("button", name="Copy").click()
    chosen = await page.locator("#slash").evaluate(
        "(box) => [box.selectionStart, box.selectionEnd]"
    )
    assert chosen == [0, len("/ship shop prod")]
    await expect(page.get_by_role("button", name="Selected: press Ctrl-C")).to_be_visible()


async def test_what_has_nothing_to_say_takes_no_room(reader: BrowserContext) -> None:
    """Neither broken links nor answers, where there are none."""
    page = await opened(reader, "/schedules")
    await expect(page.locator("#broken")).to_have_css("display", "none")
    await expect(page.locator("#answer")).to_have_css("display", "none")


async def test_a_deploy_needs_no_mouse(console: Console, reader: BrowserContext) -> None:
    """From the first page to the job, by Tab, letters and Enter; one always sees where one is."""
    page = await opened(reader, "/")
    await tab_to(page, page.get_by_role("link", name="Run a command").first)
    await page.keyboard.press("Enter")
    await page.wait_for_url("**/run")
    await tab_to(page, page.get_by_role("link", name="ship").first)
    await page.keyboard.press("Enter")
    await page.wait_for_url("**/run/ship")
    for field, typed in (("app", "shop"), ("environment", "prod")):
        await tab_to(page, page.locator(f"#field-{field}"))
        await page.keyboard.type(typed)
    await expect(page.locator("#plan")).to_contain_text("3 servers in prod")
    await tab_to(page, page.get_by_role("button", name="Run /ship"))
    await page.keyboard.press("Enter")
    await page.wait_for_url("**/jobs/*")
    assert all(agent.requests for agent in console.agents)
