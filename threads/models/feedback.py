from django.db import models, transaction
from django.utils.translation import gettext_lazy as _

from threads.models.message import Message


class Rating(models.TextChoices):
    UP = "up", _("helpful")
    DOWN = "down", _("not helpful")


class Reason(models.TextChoices):
    """Of a thumb down."""

    WRONG = "wrong", _("The answer is wrong")
    INCOMPLETE = "incomplete", _("Something is missing")
    SOURCES = "sources", _("The sources do not support it")
    OFF_TOPIC = "off_topic", _("It does not answer my question")
    UNCLEAR = "unclear", _("It is hard to understand")
    OTHER = "other", _("Something else")


class FeedbackQuerySet(models.QuerySet["Feedback"]):
    @transaction.atomic
    def give(self, answer: Message, rating: str, **words: str) -> "Feedback":
        """Also instead of what was given before; of `reason` and `comment`, what is left out stays.

        One after another: of two at once the database would refuse one, and its log would quote the comment.
        Raises `Message.DoesNotExist` where the conversation was removed meanwhile.
        """
        Message.objects.select_for_update(no_key=True).get(pk=answer.pk)
        if rating == Rating.UP:
            words["reason"] = ""
        feedback, _ = self.update_or_create(message=answer, defaults={"rating": rating, **words})
        return feedback


class Feedback(models.Model):
    """A user's thumb and comment on an answer; the user can change it, and take it back."""

    message = models.OneToOneField(Message, models.CASCADE, related_name="feedback")
    rating = models.CharField(max_length=4, choices=Rating)
    reason = models.CharField(max_length=10, choices=Reason, blank=True)
    comment = models.TextField(blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = FeedbackQuerySet.as_manager()

    class Meta:
        verbose_name = _("feedback")
        verbose_name_plural = _("feedback")
        indexes = (
            # what came lately, for what mandates collect
            models.Index("updated_at", name="feedback_updated"),
        )

    def __str__(self) -> str:
        return f"{self.rating} {self.message_id}"

    def take_back(self) -> None:
        self.delete()
