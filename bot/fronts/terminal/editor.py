"""The chat with a line editor: history, completion, and the thread above the prompt. The only
importer of prompt_toolkit.

Running jobs are drawn between the thread and the prompt, and drawn again at each change. Printed
lines stay in the scrollback of the terminal.
"""

from __future__ import annotations

import asyncio
import string
from collections.abc import Iterable, Sequence

from prompt_toolkit import PromptSession
from prompt_toolkit.auto_suggest import AutoSuggestFromHistory
from prompt_toolkit.buffer import Buffer
from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document
from prompt_toolkit.filters import Condition, is_searching
from prompt_toolkit.formatted_text import StyleAndTextTuples
from prompt_toolkit.history import InMemoryHistory
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.patch_stdout import patch_stdout
from prompt_toolkit.renderer import print_formatted_text
from prompt_toolkit.styles import Style

from bot.dispatch.suggestions import suggestions
from bot.fronts.terminal.chat import TERMINAL_COMMANDS, TerminalChat
from bot.fronts.terminal.lines import Line, clean, line, wrapped
from bot.fronts.terminal.thread import BESIDE, live

STYLE = Style.from_dict(
    {
        "good": "ansigreen",
        "bad": "ansired bold",
        "warn": "ansiyellow",
        "busy": "ansicyan",
        "quiet": "ansibrightblack",
        "strong": "bold",
        "host": "bold",
        "prompt": "bold ansicyan",
        "completion-menu": "bg:default",
        "completion-menu.completion": "bg:default fg:default",
        "completion-menu.completion.current": "reverse",
        "completion-menu.meta.completion": "bg:default ansibrightblack",
        "completion-menu.meta.completion.current": "bg:default fg:default",
    }
)

_OTHERS = set(string.printable) - set(string.whitespace) - {"y", "Y"} | {" "}

FRAME_INTERVAL = 0.1
"""Seconds between two drawings, at least: what is shown meanwhile is printed together."""


class CommandCompleter(Completer):
    """Completes commands with the suggestions of bot.dispatch.suggestions."""

    def __init__(self, chat: TerminalChat) -> None:
        self._chat = chat

    def get_completions(
        self, document: Document, complete_event: CompleteEvent
    ) -> Iterable[Completion]:
        """Return the completions for the text before the cursor."""
        typed = document.text_before_cursor
        for found in suggestions(
            typed, self._chat.dispatcher.commands, self._chat.values, TERMINAL_COMMANDS
        ):
            yield Completion(found.text, -found.replaces, display_meta=found.meaning)


class Editor:
    """The screen of the chat, with its input line."""

    def __init__(self, chat: TerminalChat) -> None:
        self._chat = chat
        self._waiting: list[Line] = []
        self._drawing: asyncio.Task[None] | None = None
        self._question = ""
        """The job that is to be cancelled, if the answer is yes."""
        self._tasks: set[asyncio.Task[None]] = set()
        self._session: PromptSession[str] = PromptSession(
            message=self._prompt,
            style=STYLE,
            history=InMemoryHistory(),
            auto_suggest=AutoSuggestFromHistory(),
            completer=CommandCompleter(chat),
            complete_while_typing=Condition(self._completing),
            key_bindings=self._keys(),
            erase_when_done=True,
            reserve_space_for_menu=7,
            enable_open_in_editor=False,
        )

    def show(self, new: Sequence[Line]) -> None:
        """Print `new` above the prompt, and redraw the running jobs."""
        self._waiting += new
        if self._drawing is None or self._drawing.done():
            self._drawing = asyncio.create_task(self._draw(), name="terminal")

    async def talk(self) -> int:
        """Take commands until the user exits. Return the exit code."""
        # also between two prompts: with its own line editing the terminal would lose a Ctrl-C that
        # is typed while a command is answered, and show what was typed as if it were output
        with patch_stdout(raw=True), self._session.input.raw_mode():
            # before the prompt begins: it asks the terminal where the cursor is, and what was
            # printed above it before the answer came would be scrolled out
            self._waiting += self._chat.welcome
            self._print()
            while True:
                try:
                    text = await self._session.prompt_async()
                except EOFError:
                    break
                if not text.strip():
                    continue
                self.show([(("prompt", "› "), ("strong", text))])
                if (await self._chat.run_line(text)).leave:
                    break
            self._print()
        return 0

    async def _draw(self) -> None:
        while True:
            self._print()
            await asyncio.sleep(FRAME_INTERVAL)
            if not self._waiting:
                return

    def _print(self) -> None:
        """Print what waits above the prompt.

        Not by `run_in_terminal`, which gives the terminal its own line editing for a moment: a
        Ctrl-C or a word that is typed just then would be lost.
        """
        new, self._waiting = self._waiting, []
        app = self._session.app
        if app.is_running:
            if new:
                app.renderer.erase()
                self._write(new)
                app.renderer.request_absolute_cursor_position()
            app.invalidate()
        else:
            self._write(new)

    def _write(self, new: Sequence[Line]) -> None:
        app = self._session.app
        text: StyleAndTextTuples = []
        columns = app.output.get_size().columns
        for row in new:
            # what a program said is left as it is
            said = any(part == BESIDE for _, part in row)
            for part in [row] if said else wrapped(row, columns):
                text += [*_classed(part), ("", "\n")]
        print_formatted_text(app.output, text, STYLE, color_depth=app.color_depth)

    def _prompt(self) -> StyleAndTextTuples:
        size = self._session.output.get_size()
        shown: StyleAndTextTuples = []
        for row in live(self._chat.front.open, size.columns - 1, max(size.rows // 2, 3)):
            shown += [*_classed(row), ("", "\n")]
        titles = {thread.content.job: thread.content.title for thread in self._chat.front.open}
        if self._question and self._question not in titles:
            self._question = ""  # it has ended meanwhile
        if self._question:
            title = clean(titles[self._question])
            return [*shown, ("class:warn", f"Cancel {title}? y or n "), ("", "")]
        return [*shown, ("class:prompt", "› ")]

    def _completing(self) -> bool:
        """While a command is being typed; otherwise its menu would keep room below the prompt."""
        return self._session.default_buffer.text.startswith("/")

    def _complete(self, buffer: Buffer) -> None:
        """As shells do: what can only be one thing is typed out, a blank after it."""
        typed = buffer.document.text_before_cursor
        found = suggestions(
            typed, self._chat.dispatcher.commands, self._chat.values, TERMINAL_COMMANDS
        )
        if len(found) == 1:
            buffer.delete_before_cursor(found[0].replaces)
            buffer.insert_text(f"{found[0].text} ")
        elif buffer.complete_state:
            buffer.complete_next()
        else:
            buffer.start_completion(insert_common_part=True)

    def _keys(self) -> KeyBindings:
        keys = KeyBindings()
        asking = Condition(lambda: bool(self._question))

        @keys.add("tab", filter=~asking, eager=True)
        def complete(event: KeyPressEvent) -> None:
            self._complete(event.current_buffer)

        # while the history is searched, Ctrl-C ends the search, as in a shell
        @keys.add("c-c", filter=~asking & ~is_searching, eager=True)
        @keys.add("<sigint>", filter=~asking & ~is_searching, eager=True)
        def interrupt(event: KeyPressEvent) -> None:
            open_jobs = [thread.content.job for thread in self._chat.front.open]
            if event.current_buffer.text:
                event.current_buffer.reset()
            elif open_jobs:
                self._question = open_jobs[-1]
            else:
                self.show([line("No job is running. Press Ctrl-D or type /quit to exit.", "quiet")])

        @keys.add("y", filter=asking, eager=True)
        @keys.add("Y", filter=asking, eager=True)
        @keys.add("c-c", filter=asking, eager=True)
        @keys.add("<sigint>", filter=asking, eager=True)
        def cancel(event: KeyPressEvent) -> None:
            job, self._question = self._question, ""
            task = asyncio.create_task(self._chat.cancel(job))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

        def go_on(event: KeyPressEvent) -> None:
            self._question = ""
            if event.data == "/":  # a command, not an answer
                event.current_buffer.insert_text("/")

        # Not Keys.Any: that would also take what the terminal itself answers.
        for key in (*_OTHERS, "enter", "escape", "backspace", "tab"):
            keys.add(key, filter=asking, eager=True)(go_on)

        return keys


def _classed(row: Line) -> StyleAndTextTuples:
    return [(f"class:{style}" if style else "", text) for style, text in row]
