"""Files that come with a form."""

from flask import Blueprint, request

from app.conversations.rules import FILE_KINDS, CannotSay, File, file_kind, file_name
from app.house import the_house
from app.settings import Limits
from app.words import _

FILES_ACCEPTED = ",".join(f".{ending}" for ending in FILE_KINDS)  # for the browser's own choice of files


def allow_files(blueprint: Blueprint, *views: str) -> None:
    """Let these views of the blueprint take files; of others a form of this size is refused unread."""

    @blueprint.url_value_preprocessor
    def allow(endpoint: str | None, _values: dict[str, object] | None) -> None:
        # before anything reads the form, which the gate does
        if (endpoint or "").rpartition(".")[2] in views:
            request.max_content_length = the_house().limits.upload_bytes


def sent_files(limits: Limits) -> tuple[File, ...]:
    """The files of this request's form. Raises CannotSay for what cannot be passed on, in words."""
    found = [(file_name(each.filename or ""), each.read()) for each in request.files.getlist("files") if each.filename]
    if len(found) > limits.attachments:
        raise CannotSay(_("At most %(num)s files fit into one message.", num=limits.attachments))
    for name, data in found:
        if file_kind(name) is None:
            raise CannotSay(
                _("%(name)s is no file we can pass on. PDF, pictures, text and Office documents are.", name=name)
            )
        if len(data) > limits.attachment_bytes:
            most = limits.attachment_bytes // 1_000_000
            raise CannotSay(_("%(name)s is too large: at most %(most)s MB fit.", name=name, most=most))
    return tuple(File(name, data) for name, data in found if data)
