"""The ways mail leaves: one file a channel, one line here."""

from app.settings import Settings
from digest.channels.base import Channel
from digest.channels.file import FileChannel
from digest.channels.sendgrid import SendGridChannel
from digest.channels.smtp import SmtpChannel


def open_channel(settings: Settings) -> Channel:
    """The channel ``MAIL_CHANNEL`` names. Raises ValueError when its address is not one we send to."""
    seconds = settings.limits.http_seconds
    if settings.mail_channel == "sendgrid":
        key = settings.sendgrid_api_key.get_secret_value()
        return SendGridChannel(key, settings.sendgrid_api_host, seconds=seconds)
    if settings.mail_channel == "smtp":
        return SmtpChannel(settings.smtp_url.get_secret_value(), seconds=seconds)
    return FileChannel(settings.mail_folder)
