// The reason why a file cannot be read as a picture. Readers of a format do not know the picture's name, which belongs into the message.

export class UnreadablePicture extends Error {
  override readonly name = "UnreadablePicture";
}
